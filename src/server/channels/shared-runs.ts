import type { StreamInfo, StreamStore } from '../stream-store.ts'

interface Reading {
  readonly turn: number
  readonly runs: Promise<readonly StreamInfo[]>
}

/**
 * The runs of channels, read once for all who ask after the same change: everybody who follows the list of channels is woken by it at once, and each
 * would read all runs of the channel for itself.
 */
export class SharedRuns {
  readonly #store: StreamStore
  /** By channel, while it is read. */
  readonly #readings = new Map<string, Reading>()
  /** Raised with each change: who was woken by it must not get what was read before. */
  #turn = 0
  /** Stops listening. */
  readonly close: () => void

  constructor(store: StreamStore) {
    this.#store = store
    this.close = store.watchAll((change) => {
      if (change?.kind !== 'grown') this.#turn += 1
    })
  }

  /** Newest first. */
  of(channel: string): Promise<readonly StreamInfo[]> {
    const known = this.#readings.get(channel)
    if (known?.turn === this.#turn) return known.runs
    const reading = { turn: this.#turn, runs: this.#store.runs(channel) }
    this.#readings.set(channel, reading)
    const over = (): void => {
      if (this.#readings.get(channel) === reading) this.#readings.delete(channel)
    }
    reading.runs.then(over, over)
    return reading.runs
  }
}
