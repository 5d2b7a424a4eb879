/** How many frames a client may send: a second's worth at once, and then as fast as they come back. */
export class FrameAllowance {
  readonly #perSecond: number
  readonly #now: () => number
  #left: number
  #at: number

  constructor(perSecond: number, now: () => number) {
    this.#perSecond = perSecond
    this.#now = now
    this.#left = perSecond
    this.#at = now()
  }

  /** One frame came: `ok`, above the limit, or so far above it that its sender does not heed refusals. */
  spend(): 'ok' | 'too-fast' | 'flood' {
    const now = this.#now()
    const back = (Math.max(0, now - this.#at) / 1000) * this.#perSecond
    this.#at = now
    this.#left = Math.min(this.#perSecond, this.#left + back) - 1
    if (this.#left >= 0) return 'ok'
    return this.#left >= -this.#perSecond ? 'too-fast' : 'flood'
  }
}
