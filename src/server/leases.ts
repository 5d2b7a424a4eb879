import type { StreamStore } from './stream-store.ts'

/**
 * A lease that has run out is acted on this much later, in milliseconds, if its producer is still silent then: where the server was restarted, its machine slept,
 * or its Redis was away, nobody could be heard. Uploads and pipes ask again at least every 19 seconds.
 */
const GRACE_MS = 30_000

/** A lease that has run out: from when it is, and since when that is known. */
interface Overdue {
  readonly at: number
  readonly since: number
}

/** Ends the streams whose producer was not heard for as long as its lease lasts: it was killed, or its machine is off the network. */
export class Leases {
  readonly #store: StreamStore
  readonly #now: () => number
  /** By stream. */
  #overdue: ReadonlyMap<number, Overdue> = new Map()

  constructor(store: StreamStore, now: () => number) {
    this.#store = store
    this.#now = now
  }

  /** To be called every few seconds. Of several servers on one store, one ends a stream. Returns how many it were. */
  async endOverdue(): Promise<number> {
    const now = this.#now()
    const overdue = new Map<number, Overdue>()
    let count = 0
    for (const { id, name, lease } of await this.#store.unfinishedRuns()) {
      if (lease === null || now < lease.at + lease.seconds * 1000) continue
      const known = this.#overdue.get(id)
      const since = known?.at === lease.at ? known.since : now
      const grace = Math.min(GRACE_MS, lease.seconds * 1000)
      if (now < since + grace) overdue.set(id, { at: lease.at, since })
      else if (await this.#store.endUnrenewed(name, lease.at)) count += 1
    }
    this.#overdue = overdue
    return count
  }
}
