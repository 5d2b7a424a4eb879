/** How long requests of one socket are answered in one go, in milliseconds: a store in this process never waits, and others want their turn. */
const SLICE_MS = 10

interface Waiting {
  /** What it takes in memory, roughly. */
  readonly size: number
  /** Never rejects. */
  readonly answer: () => Promise<void>
}

export interface RequestLineOptions {
  /** Whether there is room for one more answer. */
  readonly hasRoom: () => boolean
  /** There is none. Once there is, {@link RequestLine.advance} is to be called. */
  readonly onStalled: () => void
  /** Whether somebody waits. */
  readonly onWaiting: (isWaiting: boolean) => void
}

/**
 * The requests of one socket, answered one after the other, and only while there is room for answers: what arrives in one piece are hundreds, and
 * the answer to one may be a thousand times as long.
 */
export class RequestLine {
  readonly #options: RequestLineOptions
  readonly #waiting: Waiting[] = []
  #size = 0
  #isAnswering = false
  #saidWaiting = false

  constructor(options: RequestLineOptions) {
    this.#options = options
  }

  /** Of all that wait together. */
  get size(): number {
    return this.#size
  }

  get isWaiting(): boolean {
    return this.#waiting.length > 0
  }

  add(request: Waiting): void {
    this.#waiting.push(request)
    this.#size += request.size
    this.advance()
  }

  /** Answers what waits, as far as there is room. */
  advance(): void {
    if (!this.#isAnswering && this.isWaiting) void this.#answerAll()
    this.#tell()
  }

  /** Nobody wants answers any more. */
  clear(): void {
    this.#waiting.length = 0
    this.#size = 0
    this.#tell()
  }

  async #answerAll(): Promise<void> {
    this.#isAnswering = true
    let since = performance.now()
    while (this.#options.hasRoom()) {
      const next = this.#waiting.shift()
      if (next === undefined) break
      this.#size -= next.size
      this.#tell()
      await next.answer()
      if (this.isWaiting && performance.now() - since > SLICE_MS) {
        await new Promise((resolve) => setTimeout(resolve, 0))
        since = performance.now()
      }
    }
    this.#isAnswering = false
    if (this.isWaiting) this.#options.onStalled()
    this.#tell()
  }

  #tell(): void {
    if (this.#saidWaiting === this.isWaiting) return
    this.#saidWaiting = this.isWaiting
    this.#options.onWaiting(this.isWaiting)
  }
}
