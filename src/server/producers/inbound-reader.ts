import type { Ending } from '../../protocol/chunk.ts'
import { HeadwaterError } from '../../protocol/errors.ts'
import { follow, isLastPage } from '../follow.ts'
import { HEARTBEAT_MS, PAGE_BYTES } from '../limits.ts'
import { startLifetime } from '../lifetime.ts'
import type { Lifetime } from '../lifetime.ts'
import type { ServerContext } from '../server-context.ts'
import { streamPath } from '../stream-path.ts'
import type { StreamName } from '../stream-store.ts'
import { isJson, mediaType } from '../stream-store.ts'
import type { Writers } from './writers.ts'

/** What a reader gets, by the content type of its stream: any JSON value, text, or bytes as they were written. */
export type ReadOf<T extends string> = T extends `application/json${string}`
  ? unknown
  : T extends `text/${string}`
    ? string
    : Uint8Array

/**
 * What a client uploads, read on the server. Iterate over it, or take `readable`, not both. Ends after the last chunk of a stream that is done; throws, after the
 * last chunk, where the uploader was lost (`producer-lost`), said `error` (`upstream-error`), somebody else cancelled the stream (`cancelled`) or deleted it
 * (`unknown-stream`), or this server closes (`closed`). Nothing is read ahead of who reads: the log holds it.
 *
 * @example To a file, by the converters of Node
 * ```ts
 * const upload = await handler.channel('files').openInbound()
 * void pipeline(Readable.fromWeb(upload.readable), createWriteStream('capture.bin'))
 * return { uploadId: upload.id }
 * ```
 */
export interface InboundReader<T extends string = string> extends AsyncIterable<ReadOf<T>> {
  /** The stream's id: what the uploader writes to. */
  readonly id: string
  /** Path of the stream, relative to the server. */
  readonly url: string
  readonly readable: ReadableStream<ReadOf<T>>
  /** How the stream ended; `null` until the last chunk was read. */
  readonly ending: Ending | null
  /** Ends the upload as cancelled: the iteration ends, and the uploader is refused and hears why. Resolves once that is stored. */
  cancel(reason?: unknown): Promise<void>
}

export interface LogSource {
  readonly context: ServerContext
  readonly writers: Writers
  readonly name: StreamName
  readonly contentType: string
}

/** An {@link InboundReader} over the log of a stream. */
export class LogInbound<T extends string> implements InboundReader<T> {
  readonly id: string
  readonly url: string
  readonly #source: LogSource
  readonly #life: Lifetime
  readonly #chunks: AsyncGenerator<unknown, void, undefined>
  #readable: ReadableStream<ReadOf<T>> | null = null
  #ending: Ending | null = null
  #isCancelled = false

  constructor(source: LogSource) {
    this.#source = source
    this.id = source.name.run
    this.url = streamPath(source.name)
    this.#life = startLifetime(new AbortController().signal, source.context.shutdown)
    this.#chunks = this.#read()
  }

  get ending(): Ending | null {
    return this.#ending
  }

  get readable(): ReadableStream<ReadOf<T>> {
    return (this.#readable ??= new ReadableStream<ReadOf<T>>(
      {
        pull: async (controller) => {
          const { done, value } = await this.#chunks.next()
          if (done) controller.close()
          else controller.enqueue(value as ReadOf<T>)
        },
        cancel: (reason) => this.cancel(reason),
      },
      { highWaterMark: 0 },
    ))
  }

  async cancel(reason?: unknown): Promise<void> {
    this.#isCancelled = true
    this.#life.end()
    await this.#source.writers.cancel(this.#source.name, reason)
  }

  [Symbol.asyncIterator](): AsyncIterator<ReadOf<T>> {
    // Leaving a loop is no wish about the stream: it ends the reading only.
    return this.#chunks as AsyncGenerator<ReadOf<T>, void, undefined>
  }

  async *#read(): AsyncGenerator<unknown, void, undefined> {
    const { context, name, contentType } = this.#source
    const decode = decoderOf(contentType)
    const leave = context.readers.enter(name)
    try {
      for await (const followed of follow({
        store: context.store,
        name,
        from: 'start',
        pageBytes: PAGE_BYTES,
        heartbeatMs: HEARTBEAT_MS,
        lifeMs: Infinity,
        now: context.now,
        signal: this.#life.signal,
      })) {
        if (followed.kind === 'idle') continue
        const { page } = followed
        for (const record of page.records) {
          if (this.#isCancelled) return
          const chunk = decode(record)
          if (chunk !== '') yield chunk
        }
        if (!isLastPage(page)) continue
        const rest = decode()
        if (rest !== undefined && rest !== '') yield rest
        this.#ending = page.info.ending
      }
    } finally {
      leave()
      this.#life.end()
    }
    if (this.#isCancelled) return
    if (this.#ending === null) {
      throw context.shutdown.isOver
        ? new HeadwaterError('closed', 'This server is closing. The stream goes on: read it again from another one.')
        : new HeadwaterError('unknown-stream', 'The stream was deleted while it was read.')
    }
    throwUnlessDone(this.#ending)
  }
}

/** Makes a chunk of a record; without one, of what is left at the end. */
function decoderOf(contentType: string): (record?: Uint8Array) => unknown {
  if (isJson(contentType)) return (record) => record && (JSON.parse(new TextDecoder().decode(record)) as unknown)
  if (!mediaType(contentType).startsWith('text/')) return (record) => record
  // A character may be torn between two records.
  const decoder = new TextDecoder()
  return (record) => decoder.decode(record, { stream: record !== undefined })
}

function throwUnlessDone(ending: Ending): void {
  switch (ending.kind) {
    case 'done':
      return
    case 'cancelled':
      throw new HeadwaterError('cancelled', 'The stream was cancelled while it was read.', ending)
    case 'error':
      throw ending.code === 'producer-lost'
        ? new HeadwaterError('producer-lost', 'Who wrote the stream is gone. What had come is kept.', ending)
        : new HeadwaterError(
            'upstream-error',
            `Who wrote the stream ended it as an error (${ending.code ?? 'no code'}).`,
            ending,
          )
  }
}
