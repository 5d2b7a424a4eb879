import type { Clock } from './hub-context.ts'

/** How long a tab's word that a hub did not answer makes this one look at what it waits for. Open streams are found at once, so seconds would do. */
const SUSPICION_MS = 30_000
/** An owner that is asked answers within milliseconds; it has this long, so many times. A tab's deadline has passed already. */
const ROUND_MS = 1_000
const ROUNDS = 2

/** Between hubs, beside the news of rows: who owns this stream? An owner that can run answers. */
export type OwnerMessage = { ask: string } | { owned: string }

export interface StuckOwnersOptions {
  clock: Clock
  post(message: OwnerMessage): void
  /** Whether this hub owns a stream. */
  owns(streamId: string): boolean
}

/**
 * Rule 14: finds out whose owner is stuck. Asks only for a while after a visible tab came because another hub had not answered it, and takes no
 * owner for stuck that answers this hub.
 */
export class StuckOwners {
  readonly #options: StuckOwnersOptions
  /** Streams whose owner answered, until they are asked about again. */
  readonly #answered = new Set<string>()
  readonly #asking = new Set<string>()
  #until = 0
  #wake = new Set<() => void>()

  constructor(options: StuckOwnersOptions) {
    this.#options = options
  }

  /** A visible tab came because a hub did not answer it in time. */
  suspect(): void {
    this.#until = this.#options.clock.now() + SUSPICION_MS
    const waiting = [...this.#wake]
    this.#wake.clear()
    for (const wake of waiting) wake()
  }

  /** Another hub asks, or answers. */
  heard({ ask, owned }: { ask?: unknown; owned?: unknown }): void {
    if (typeof ask === 'string' && this.#options.owns(ask)) this.#options.post({ owned: ask })
    if (typeof owned === 'string' && this.#asking.has(owned)) this.#answered.add(owned)
  }

  /** Resolves with true once the owner of a stream is found to be stuck, with false when the signal aborts. */
  async whenStuck(streamId: string, signal: AbortSignal): Promise<boolean> {
    this.#asking.add(streamId)
    try {
      while (!signal.aborted) {
        if (this.#options.clock.now() >= this.#until) await this.#suspected(signal)
        else if (await this.#isSilent(streamId, signal)) return true
      }
      return false
    } finally {
      this.#asking.delete(streamId)
      this.#answered.delete(streamId)
    }
  }

  #suspected(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#wake.delete(done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      this.#wake.add(done)
      signal.addEventListener('abort', done, { once: true })
    })
  }

  async #isSilent(streamId: string, signal: AbortSignal): Promise<boolean> {
    const { clock, post } = this.#options
    for (let round = 0; round < ROUNDS; round++) {
      this.#answered.delete(streamId)
      post({ ask: streamId })
      const asked = clock.now()
      await clock.delay(ROUND_MS, signal)
      if (signal.aborted || this.#answered.has(streamId)) return false
      // This hub slept itself (a laptop was closed): that nobody answered meanwhile says nothing.
      if (clock.now() - asked > 2 * ROUND_MS) return false
    }
    return true
  }
}
