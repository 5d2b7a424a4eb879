import type { UIMessageChunk } from 'ai'
import type { Ending } from '../../protocol/chunk.ts'
import type { StreamName, StreamStore } from '../stream-store.ts'

/** Chunks that may wait for the store before the model is made to wait. */
const MAX_WAITING = 1000

const encoder = new TextEncoder()

/** A chunk as one message of the run's stream. */
export function encodeChunk(chunk: UIMessageChunk): Uint8Array {
  return encoder.encode(JSON.stringify(chunk))
}

/** What ends a run that did not finish: how it ended, as a part that no reader keeps (PROTOCOL.md 4.3). */
export function endingChunk(ending: Ending): UIMessageChunk {
  return { type: 'data-ending', data: ending, transient: true }
}

/**
 * Writes a run's chunks to its stream. One append is under way at a time; what comes meanwhile goes into the next, so that a fast model
 * costs few transactions and a slow one no delay.
 */
export class RunLog {
  readonly #store: StreamStore
  readonly #name: StreamName
  readonly #writer: string
  readonly #onLost: () => void
  #waiting: Uint8Array[] = []
  #writing: Promise<void> | null = null
  #isLost = false
  #isEnding = false

  /** `onLost` is called when the stream takes no more: closed or deleted by somebody else. */
  constructor(store: StreamStore, name: StreamName, writer: string, onLost: () => void) {
    this.#store = store
    this.#name = name
    this.#writer = writer
    this.#onLost = onLost
  }

  /** The run ends by itself: what is heard of an ending from now on is its own. */
  get isEnding(): boolean {
    return this.#isEnding
  }

  /** Resolves when there is room for more, which is usually at once. */
  async write(chunk: UIMessageChunk): Promise<void> {
    this.#waiting.push(encodeChunk(chunk))
    this.#writing ??= this.#drain()
    if (this.#waiting.length >= MAX_WAITING) await this.#writing
  }

  /** Closes the stream, with its last chunks in the same append. */
  async end(ending: Ending, chunks: readonly UIMessageChunk[]): Promise<void> {
    this.#isEnding = true
    await this.#writing
    await this.#append([...this.#waiting.splice(0), ...chunks.map(encodeChunk)], ending)
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#isLost) await this.#append(this.#waiting.splice(0), null)
    this.#waiting = []
    this.#writing = null
  }

  async #append(records: readonly Uint8Array[], ending: Ending | null): Promise<void> {
    const contentType = records.length === 0 ? null : 'application/json'
    const request = { contentType, records, ending, writer: this.#writer }
    const result = await this.#store.append(this.#name, request).catch(() => null)
    if (result?.kind === 'appended' || this.#isLost) return
    this.#isLost = true
    this.#onLost()
  }
}
