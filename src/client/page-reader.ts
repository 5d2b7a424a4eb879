import type { Chunk } from '../protocol/chunk.ts'
import type { Reader, ReadOptions } from './api.ts'
import type { Connection } from './connection.ts'
import { loadPart } from './load-part.ts'
import type { LogReader } from './log-reader.ts'

/** A reader as applications hold it, at once: what reads is loaded with the first one, and pulls wait for it. */
export class PageReader implements Reader {
  readonly #loading: Promise<LogReader>
  #reader: LogReader | null = null
  #readable: ReadableStream<Chunk> | null = null

  constructor(connection: Connection, channel: string, options: ReadOptions) {
    this.#loading = loadPart(() => import('./log-reader.ts')).then(
      ({ LogReader: ReaderOf }) => (this.#reader = new ReaderOf(connection, channel, options)),
    )
    // Whoever pulls hears of it.
    this.#loading.catch(() => undefined)
  }

  get lastSeq(): number {
    return this.#reader?.lastSeq ?? 0
  }

  get readable(): ReadableStream<Chunk> {
    return (this.#readable ??= new ReadableStream<Chunk>(
      {
        pull: async (controller) => {
          const { value, done } = await this.#pull()
          if (done) controller.close()
          else controller.enqueue(value)
        },
        cancel: (reason) => this.cancel(reason),
      },
      { highWaterMark: 0 },
    ))
  }

  cancel(reason?: unknown): Promise<void> {
    return this.#close((reader) => reader.cancel(reason))
  }

  #close(how: (reader: LogReader) => void): Promise<void> {
    // What could not be loaded holds nothing.
    return this.#loading.then(how, () => undefined)
  }

  #pull(): Promise<IteratorResult<Chunk, undefined>> {
    const pull = this.#reader ? this.#reader.pull() : this.#loading.then((reader) => reader.pull())
    // A pull may be looked at later than it fails.
    pull.catch(() => undefined)
    return pull
  }

  [Symbol.asyncIterator](): AsyncIterator<Chunk, undefined> {
    return {
      next: () => this.#pull(),
      return: async () => {
        // Leaving a loop is no wish about the stream.
        await this.#close((reader) => reader.close())
        return { value: undefined, done: true }
      },
    }
  }
}
