import type { StreamName } from './stream-store.ts'

/** Counts who reads live: the figure by which "one upstream per browser" is seen from outside. */
export class LiveReaders {
  readonly #open = new Map<string, number>()
  #total = 0

  /** Counts one reader. Returns the way to count it out, which may be called twice. */
  enter(name: StreamName): () => void {
    const key = name.channel === '' ? name.run : `${name.channel}/${name.run}`
    this.#open.set(key, (this.#open.get(key) ?? 0) + 1)
    this.#total += 1
    let left = false
    return () => {
      if (left) return
      left = true
      const rest = (this.#open.get(key) ?? 1) - 1
      // A stream without readers is forgotten, so that the figures do not grow with the number of streams there ever were.
      if (rest === 0) this.#open.delete(key)
      else this.#open.set(key, rest)
    }
  }

  /** Readers by stream, `<channel>/<run>`. */
  open(): ReadonlyMap<string, number> {
    return this.#open
  }

  /** Readers since the start. */
  get total(): number {
    return this.#total
  }
}
