import { setTimeout as sleep } from 'node:timers/promises'
import { backoffDelay, isRetryable } from '../upstream/backoff.ts'
import { say } from './terminal.ts'

// The server of a terminal is most often on the same machine: it is back within seconds of its restart, and the output should be too.
const LONGEST_WAIT_MS = 4000

/** Tries again, for ever, what may pass; tells the person once that it waits, for what, and when it is over. */
export class Persistence {
  #attempt = 0
  readonly #server: string
  readonly #meanwhile: () => string

  /** @param meanwhile what the wait means for the data, as a sentence */
  constructor(server: string, meanwhile: () => string) {
    this.#server = server
    this.#meanwhile = meanwhile
  }

  /** Whether nothing has come through since the last failure. */
  get isWaiting(): boolean {
    return this.#attempt > 0
  }

  /** Something came through. */
  succeeded(): void {
    if (this.#attempt > 0) say(`${this.#server} answers again.`)
    this.#attempt = 0
  }

  /**
   * Waits until it is time for another attempt, or throws the error where none is worth it.
   * @throws the error, or `AbortError` with the signal
   */
  async failed(error: unknown, signal?: AbortSignal): Promise<void> {
    if (!isRetryable(error)) throw error
    this.#attempt++
    if (this.#attempt === 1) {
      say(`${(error as Error).message}\n  Waiting for ${this.#server}. ${this.#meanwhile()}`)
    }
    const delay = Math.min(backoffDelay(this.#attempt, Math.random()), LONGEST_WAIT_MS)
    await sleep(delay, undefined, signal === undefined ? {} : { signal })
  }

  /** Runs an attempt until one succeeds. */
  async run<T>(attempt: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (;;) {
      try {
        const result = await attempt()
        this.succeeded()
        return result
      } catch (error) {
        await this.failed(error, signal)
      }
    }
  }
}
