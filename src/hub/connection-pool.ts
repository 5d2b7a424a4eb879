import { HeadwaterError } from '../protocol/errors.ts'

/** HTTP/1.1 allows six connections per host in all browsers; a page needs some for itself, and verbs never queue behind streams. */
const SLOTS_PER_ORIGIN = 4

/** One long-lived response. */
export interface Slot {
  /** Aborts when another stream has waited for this slot's turn to end. A stream that can be continued then gives way. */
  readonly wanted: AbortSignal
  release(): void
}

interface Holder {
  since: number
  /** When it was asked to give way. One that cannot (a stream that could not be continued) is counted for one turn, then another is asked. */
  askedAt: number
  wanted: AbortController
}

interface Pool {
  /** In the order in which they got their slots. */
  holders: Set<Holder>
  queue: Array<(holder: Holder) => void>
  scheduled: boolean
}

/**
 * Deals out the few long-lived connections per origin, first come, first served. Where more streams are live than there are slots, who
 * holds one for `turnMs` is asked to give way, so that every stream moves; the streams take turns.
 */
export class ConnectionPool {
  readonly #pools = new Map<string, Pool>()
  readonly #turnMs: number
  readonly #now: () => number
  readonly #schedule: (run: () => void, ms: number) => void

  constructor(options: {
    /** How long a stream keeps its slot when others wait, in milliseconds: long enough to catch up, short enough to feel live. */
    turnMs: number
    now: () => number
    schedule: (run: () => void, ms: number) => void
  }) {
    this.#turnMs = options.turnMs
    this.#now = options.now
    this.#schedule = options.schedule
  }

  #pool(origin: string): Pool {
    let pool = this.#pools.get(origin)
    if (pool === undefined) {
      pool = { holders: new Set(), queue: [], scheduled: false }
      this.#pools.set(origin, pool)
    }
    return pool
  }

  /** Whether `acquire` would have to wait. */
  isBusy(origin: string): boolean {
    const pool = this.#pools.get(origin)
    return pool !== undefined && (pool.holders.size >= SLOTS_PER_ORIGIN || pool.queue.length > 0)
  }

  /**
   * A slot for a connection to this origin.
   * @throws {HeadwaterError} `aborted`
   */
  async acquire(origin: string, signal: AbortSignal): Promise<Slot> {
    const aborted = new HeadwaterError('aborted', 'No longer waiting for a connection.')
    if (signal.aborted) throw aborted
    const pool = this.#pool(origin)
    const holder = this.isBusy(origin)
      ? await new Promise<Holder>((resolve, reject) => {
          const take = (given: Holder): void => {
            signal.removeEventListener('abort', leave)
            resolve(given)
          }
          const leave = (): void => {
            pool.queue.splice(pool.queue.indexOf(take), 1)
            reject(aborted)
          }
          pool.queue.push(take)
          signal.addEventListener('abort', leave, { once: true })
          this.#askForTurns(pool)
        })
      : this.#grant(pool)
    return {
      wanted: holder.wanted.signal,
      release: () => {
        if (!pool.holders.delete(holder)) return
        // Granted here and now, not when the waiting stream gets to run: else one that comes in between would make five.
        pool.queue.shift()?.(this.#grant(pool))
        this.#askForTurns(pool)
      },
    }
  }

  #grant(pool: Pool): Holder {
    const holder = { since: this.#now(), askedAt: Infinity, wanted: new AbortController() }
    pool.holders.add(holder)
    return holder
  }

  /** Asks as many holders to give way as streams are waiting, the longest first, each once its turn is over. */
  #askForTurns(pool: Pool): void {
    const now = this.#now()
    const holders = [...pool.holders]
    const asked = holders.filter(({ askedAt }) => askedAt <= now && now < askedAt + this.#turnMs)
    const toAsk = holders
      .filter((holder) => !holder.wanted.signal.aborted)
      .slice(0, Math.max(0, pool.queue.length - asked.length))
    for (const holder of toAsk) {
      if (holder.since + this.#turnMs > now) continue
      holder.askedAt = now
      holder.wanted.abort()
      asked.push(holder)
    }
    // The next time at which somebody's turn is over, or one who was asked has not given way.
    const times = toAsk.filter(({ wanted }) => !wanted.signal.aborted).map(({ since }) => since)
    const stuck = pool.queue.length > 0 && holders.some(({ wanted }) => !wanted.signal.aborted)
    if (stuck) times.push(...asked.map(({ askedAt }) => askedAt))
    if (times.length === 0 || pool.scheduled) return
    pool.scheduled = true
    this.#schedule(
      () => {
        pool.scheduled = false
        this.#askForTurns(pool)
      },
      Math.min(...times) + this.#turnMs - now,
    )
  }
}
