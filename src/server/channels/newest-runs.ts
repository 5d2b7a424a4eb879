import type { StreamInfo, StreamStore } from '../stream-store.ts'

/** Channels whose newest run is remembered. */
const MAX_KNOWN = 1_000

/**
 * The newest run of each channel. Remembered, because each event asks for it, and to find it all runs of the channel are read; how it is now is looked up each
 * time. On a store that other processes share, one that was just created elsewhere may be heard of a moment later.
 */
export class NewestRuns {
  readonly #store: StreamStore
  /** By channel, the one that was asked for last at the end. */
  readonly #known = new Map<string, string>()
  /** Raised whenever a run comes or goes: what was being read by then may be over. */
  #turn = 0
  /** Stops listening. */
  readonly close: () => void

  constructor(store: StreamStore) {
    this.#store = store
    this.close = store.watchAll((change) => {
      if (change?.kind === 'grown' || change?.kind === 'ended') return
      this.#turn += 1
      if (change === null) this.#known.clear()
      else this.#known.delete(change.name.channel)
    })
  }

  /** `null` where the channel has no run. */
  async of(channel: string): Promise<StreamInfo | null> {
    const run = this.#known.get(channel)
    if (run !== undefined) {
      const info = await this.#store.info({ channel, run })
      // Else its time is over.
      if (typeof info !== 'string') return info
    }
    const turn = this.#turn
    const [newest = null] = await this.#store.runs(channel)
    if (newest !== null && turn === this.#turn) this.#remember(channel, newest.name.run)
    return newest
  }

  #remember(channel: string, run: string): void {
    this.#known.delete(channel)
    this.#known.set(channel, run)
    if (this.#known.size <= MAX_KNOWN) return
    for (const oldest of this.#known.keys()) return void this.#known.delete(oldest)
  }
}
