import type { Channel, State } from 'headwater'

/** What upstream says, chunk by chunk: the test's server serves nothing else. */
export interface Truth {
  /** What each chunk adds to the text. */
  texts: readonly string[]
  /** The data of each chunk. */
  data: readonly string[]
}

/** What a tab shows, and everything that it ever showed and should not have. */
export interface Report {
  status: State['status']
  seq: number
  text: string
  canRetry: boolean
  canResume: boolean
  /** Chunks that the reader was given, what follows the last of `truth` included. */
  read: number
  readerEnded: boolean
  violations: readonly string[]
}

/** Follows a channel in two ways, as a state with text and chunk by chunk, and checks each thing that it is shown when it is shown. */
export class Watcher {
  readonly #channel: Channel
  readonly #truth: Truth
  /** The text of the first `i` chunks, at `i`. */
  readonly #prefixes: string[]
  readonly #violations: string[] = []
  #seq = 0
  #read = 0
  #reads: string | null = null
  #readerEnded = false
  /** Firefox gives up what a page is loading, the part that reads included, as soon as the page begins to leave; it may live on for a while. */
  #leaving = false

  constructor(channel: Channel, truth: Truth) {
    this.#channel = channel
    this.#truth = truth
    let text = ''
    this.#prefixes = [text, ...truth.texts.map((added) => (text += added))]
    addEventListener('beforeunload', () => (this.#leaving = true))
    // From now on every state has its text.
    void channel.text
    channel.subscribe(() => this.#look())
    this.#look()
  }

  /** On the console too: what a tab says that crashes later is not lost. */
  #violated(what: string): void {
    this.#violations.push(what)
    console.error(`VIOLATION ${what}`)
  }

  #look(): void {
    const { streamId, seq, text, status, gaps, failure } = this.#channel.state
    if (streamId === null) return
    if (this.#reads !== null && this.#reads !== streamId) this.#violated(`another stream: ${streamId}`)
    if (seq < this.#seq) this.#violated(`seq ${seq} after ${this.#seq}`)
    this.#seq = seq
    const expected = this.#prefixes[Math.min(seq, this.#truth.texts.length)] ?? ''
    if (text !== expected) this.#violated(`at seq ${seq}, "${text.slice(-60)}" instead of "${expected.slice(-60)}"`)
    if (status === 'done' && seq < this.#truth.texts.length) this.#violated(`done at seq ${seq}`)
    if (status === 'error') this.#violated(`error: ${failure?.message ?? ''}`)
    if (gaps.length > 0) this.#violated(`a gap: ${JSON.stringify(gaps)}`)
    if (this.#reads === null) {
      this.#reads = streamId
      this.#readAll(streamId).catch((error: unknown) => {
        if (!this.#leaving) this.#violated(`the reader failed: ${String(error)}`)
      })
    }
  }

  async #readAll(streamId: string): Promise<void> {
    for await (const { seq, data } of this.#channel.read({ streamId, from: 'start' })) {
      this.#read += 1
      if (seq !== this.#read) this.#violated(`the reader got seq ${seq} as number ${this.#read}`)
      const expected = this.#truth.data[seq - 1]
      if (expected !== undefined && data !== expected) this.#violated(`the reader got "${String(data)}" as seq ${seq}`)
    }
    this.#readerEnded = true
    if (this.#read < this.#truth.data.length) this.#violated(`the reader ended after ${this.#read} chunks`)
  }

  get report(): Report {
    const { status, seq, text, canRetry, canResume } = this.#channel.state
    const readerEnded = this.#readerEnded
    return { status, seq, text, canRetry, canResume, read: this.#read, readerEnded, violations: this.#violations }
  }
}
