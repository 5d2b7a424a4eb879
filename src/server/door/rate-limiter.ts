/** How long a client may save up what it does not use, in seconds: a page that opens, or a pipe that catches up, comes in bursts. */
const BURST_SECONDS = 10

/** Clients that are remembered at once. Beyond it the one that was quiet longest is forgotten: memory is bounded, whoever asks. */
const MAX_CLIENTS = 10_000

interface Bucket {
  /** Requests that are left. */
  tokens: number
  /** When that was true, in milliseconds. */
  at: number
}

/** A token bucket for each client: so many requests a second on average, and bursts of ten seconds' worth. */
export class RateLimiter {
  readonly #perSecond: number
  readonly #now: () => number
  // In order of use, the quietest first.
  readonly #buckets = new Map<string, Bucket>()

  /** @param perSecond 0: no limit */
  constructor(perSecond: number, now: () => number) {
    this.#perSecond = perSecond
    this.#now = now
  }

  /** Counts one request: 0 where it may go on, else after how many seconds, rounded up, the next one may. */
  take(client: string): number {
    if (this.#perSecond === 0) return 0
    const bucket = this.#refilled(client)
    this.#buckets.delete(client)
    this.#buckets.set(client, bucket)
    const wait = this.#waitOf(bucket)
    if (wait === 0) bucket.tokens -= 1
    return wait
  }

  /** What {@link RateLimiter.take} would say; counts nothing. */
  look(client: string): number {
    return this.#perSecond === 0 || !this.#buckets.has(client) ? 0 : this.#waitOf(this.#refilled(client))
  }

  /** Clients that are remembered. */
  get size(): number {
    return this.#buckets.size
  }

  #waitOf({ tokens }: Bucket): number {
    return tokens < 1 ? Math.ceil((1 - tokens) / this.#perSecond) : 0
  }

  #refilled(client: string): Bucket {
    const now = this.#now()
    const most = this.#perSecond * BURST_SECONDS
    const known = this.#buckets.get(client)
    if (known !== undefined) {
      const seconds = Math.max(0, now - known.at) / 1000
      return { tokens: Math.min(most, known.tokens + seconds * this.#perSecond), at: now }
    }
    const [quietest] = this.#buckets.keys()
    if (quietest !== undefined && this.#buckets.size >= MAX_CLIENTS) this.#buckets.delete(quietest)
    return { tokens: Math.max(1, most), at: now }
  }
}
