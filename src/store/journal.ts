import type { LogStore, RowChange, RowResult } from './log-store.ts'

/** Most changes in one transaction: what it holds back, and what a failure has to repeat, stays small. */
const MAX_BATCH = 256

interface Waiting {
  change: RowChange
  resolve(result: RowResult): void
  reject(error: unknown): void
}

/**
 * Group commit over all streams of a hub. One transaction is in flight; what arrives meanwhile goes into the next one, in order. So a lone
 * chunk is committed at once, and a flood costs one transaction per few milliseconds.
 */
export class Journal {
  readonly #store: LogStore
  #queue: Waiting[] = []
  #running: Promise<void> | null = null

  constructor(store: LogStore) {
    this.#store = store
  }

  /**
   * Resolves after the commit. A change never hurts its neighbours: where a transaction of several fails, each is tried once more alone.
   * @throws {HeadwaterError} `store`, or what `decide` threw; nothing of this change was written
   */
  commit(change: RowChange): Promise<RowResult> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ change, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Resolves once nothing is queued or in flight. */
  get idle(): Promise<void> {
    return this.#running ?? Promise.resolve()
  }

  async #run(): Promise<void> {
    // The callers of this very task share the first transaction.
    await Promise.resolve()
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, MAX_BATCH)
      if (!(await this.#write(batch))) for (const alone of batch) await this.#write([alone])
    }
    this.#running = null
  }

  /** False where a batch of several failed, and none of them has its answer yet. */
  async #write(batch: readonly Waiting[]): Promise<boolean> {
    try {
      const results = await this.#store.commit(batch.map(({ change }) => change))
      batch.forEach(({ resolve, reject }, i) => {
        const result = results[i]
        if (result === undefined) reject(new Error('The store gave no result for a change.'))
        else resolve(result)
      })
      return true
    } catch (error) {
      if (batch.length > 1) return false
      for (const { reject } of batch) reject(error)
      return true
    }
  }
}
