import type { Ending } from '../../protocol/chunk.ts'
import { streamPath } from '../stream-path.ts'
import type { LogWriter } from './log-writer.ts'
import { RecordEncoder } from './record-encoder.ts'

/** What a chunk may be, by the content type of its stream: any JSON value, or text and bytes. */
export type ChunkOf<T extends string> = T extends `application/json${string}` ? unknown : string | Uint8Array

/**
 * A stream that this process writes, as the page's `Sink`.
 *
 * @example A Node stream, by the converters of Node
 * ```ts
 * const sink = await handler.channel('build').start({ contentType: 'application/octet-stream' })
 * spawn('make').stdout.pipe(Writable.fromWeb(sink.writable))
 * ```
 */
export interface ServerSink<T extends string = string> {
  readonly id: string
  /** Path of the stream, relative to the server: what a page opens. */
  readonly url: string
  /**
   * Aborts when the stream can no longer be written: it was cancelled, through whichever server (reason: a `HeadwaterError` `cancelled`), deleted (`unknown-stream`),
   * the store refused it (`store`), it is as large as it may be or more waits than memory is for (`too-large`), or this server stops or was taken for dead (`producer-lost`). Readers that
   * come and go do not touch it.
   */
  readonly signal: AbortSignal
  /** The same sink as a Web stream. A write there waits for room, `close()` for everything to be stored; aborting it is `error()`. */
  readonly writable: WritableStream<ChunkOf<T>>
  /**
   * Appends one chunk, up to 16 MiB. Resolves once it is stored; what is written meanwhile is stored together, in order. Need not be awaited: what goes
   * wrong aborts `signal`. Who never awaits may be 64 MiB ahead of the store, then the stream ends as an error.
   * @throws {HeadwaterError} `bad-message`, `too-large`, `closed`, or what `signal` says
   */
  write(data: ChunkOf<T>): Promise<void>
  /**
   * Ends the stream as `error`, after all that was written. The ending's code is the reason's `code` where it has one (`ENOENT`), else `upstream-error`; its
   * message is not stored, because it may hold what is nobody's business.
   */
  error(reason?: unknown): Promise<void>
  /** Ends the stream as `done`, after all that was written. Resolves once that is stored. */
  close(): Promise<void>
}

/** How much may wait in a Web stream before it tells its source to wait, in bytes or UTF-16 units. */
const HIGH_WATER = 64 * 1024

/** A {@link ServerSink} over a {@link LogWriter}. */
export class LogSink<T extends string> implements ServerSink<T> {
  readonly #log: LogWriter
  readonly #encoder: RecordEncoder
  #writable: WritableStream<ChunkOf<T>> | null = null

  constructor(log: LogWriter, contentType: T) {
    this.#log = log
    this.#encoder = new RecordEncoder(contentType)
  }

  get id(): string {
    return this.#log.name.run
  }

  get url(): string {
    return streamPath(this.#log.name)
  }

  get signal(): AbortSignal {
    return this.#log.signal
  }

  get writable(): WritableStream<ChunkOf<T>> {
    const { signal } = this
    return (this.#writable ??= new WritableStream<ChunkOf<T>>(
      {
        start: (controller) => {
          const fail = (): void => controller.error(signal.reason)
          if (signal.aborted) fail()
          else signal.addEventListener('abort', fail, { once: true })
        },
        write: (data) => this.#pour(data),
        close: () => this.close(),
        abort: (reason) => this.error(reason).catch(() => undefined),
      },
      { highWaterMark: HIGH_WATER, size: sizeOf },
    ))
  }

  write(data: ChunkOf<T>): Promise<void> {
    return quiet(this.#write(data))
  }

  async #write(data: ChunkOf<T>): Promise<void> {
    const record = this.#encoder.encode(data)
    if (record !== null) await this.#log.write(record)
  }

  /** Resolves when there is room for more. A chunk that cannot be written ends the stream: nobody else would hear of it. */
  async #pour(data: ChunkOf<T>): Promise<void> {
    try {
      const record = this.#encoder.encode(data)
      if (record !== null) void quiet(this.#log.write(record))
      await this.#log.room()
    } catch (refusal) {
      await this.error(refusal).catch(() => undefined)
      throw refusal
    }
  }

  error(reason?: unknown): Promise<void> {
    return quiet(this.#end({ kind: 'error', code: codeOf(reason) }))
  }

  close(): Promise<void> {
    return quiet(this.#end({ kind: 'done' }))
  }

  async #end(ending: Ending): Promise<void> {
    const rest = this.#encoder.rest()
    if (rest !== null) void quiet(this.#log.write(rest))
    await this.#log.end(ending)
    this.signal.throwIfAborted()
  }
}

/** Whoever does not wait for it has the signal. */
function quiet(promise: Promise<void>): Promise<void> {
  promise.catch(() => undefined)
  return promise
}

function sizeOf(data: unknown): number {
  return typeof data === 'string' || data instanceof Uint8Array ? data.length : 1
}

function codeOf(reason: unknown): string {
  const code = reason instanceof Error && 'code' in reason ? reason.code : undefined
  return typeof code === 'string' && /^[\w.-]{1,64}$/.test(code) ? code : 'upstream-error'
}
