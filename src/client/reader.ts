import type { Chunk } from '../protocol/chunk.ts'
import { HeadwaterError } from '../protocol/errors.ts'
import type { Batch } from '../protocol/hub-port.ts'
import { unpackChunks } from '../protocol/packed-chunks.ts'
import type { StreamSnapshot } from '../protocol/snapshot.ts'
import type { Reader, ReadOptions } from './api.ts'
import type { Connection } from './connection.ts'
import { LogCursor } from './log-cursor.ts'

/**
 * A cursor of one's own. The next batch comes when the last chunk of the one before was pulled, so a reader that does not pull holds one
 * batch and its place. Ends after the last chunk of a stream that is done or cancelled; throws after the last chunk of one that failed.
 */
export class LogReader implements Reader {
  readonly #connection: Connection
  readonly #channel: string
  readonly #options: ReadOptions
  #cursor: LogCursor | null = null
  /** What was delivered and not yet pulled. */
  #chunks: Chunk[] = []
  #at = 0
  #lastSeq = 0
  #taken: (() => void) | null = null
  #snapshot: StreamSnapshot | null = null
  #error: HeadwaterError | null = null
  #ended = false
  #wake: (() => void) | null = null
  #readable: ReadableStream<Chunk> | null = null

  constructor(connection: Connection, channel: string, options: ReadOptions) {
    this.#connection = connection
    this.#channel = channel
    this.#options = options
    const { signal } = options
    signal?.addEventListener('abort', () => this.#fail(aborted(signal)), { once: true })
    if (signal?.aborted) this.#fail(aborted(signal))
    else if (options.streamId !== undefined) this.#attach(options.streamId, options.from ?? 'start')
    else this.#attachToNewest()
  }

  get lastSeq(): number {
    return this.#lastSeq
  }

  get readable(): ReadableStream<Chunk> {
    return (this.#readable ??= new ReadableStream<Chunk>(
      {
        pull: async (controller) => {
          const { value, done } = await this.#next()
          if (done) controller.close()
          else controller.enqueue(value)
        },
        cancel: () => this.cancel(),
      },
      { highWaterMark: 0 },
    ))
  }

  async cancel(): Promise<void> {
    await Promise.resolve()
    this.#end()
  }

  [Symbol.asyncIterator](): AsyncIterator<Chunk, undefined> {
    return {
      next: () => this.#next(),
      return: async () => {
        await this.cancel()
        return { value: undefined, done: true }
      },
    }
  }

  /** Waits for the channel's newest stream, then stays with that one. */
  #attachToNewest(): void {
    let waited = false
    const choose = (snapshot: StreamSnapshot | null): void => {
      if (snapshot === null) {
        waited = true
        return
      }
      if (this.#ended || this.#cursor !== finder) return
      finder.close()
      // A stream that began while we waited is live from its first chunk.
      this.#attach(
        snapshot.streamId,
        waited && this.#options.from === 'live' ? 'start' : (this.#options.from ?? 'start'),
      )
    }
    const finder: LogCursor = new LogCursor(this.#connection, {
      channel: this.#channel,
      streamId: null,
      from: 1,
      chunks: false,
      batch: () => undefined,
      reset: choose,
      snapshot: choose,
      failed: (error) => this.#fail(error),
    })
    this.#cursor = finder
  }

  #attach(streamId: string, from: 'start' | 'live' | number): void {
    const { tail } = this.#options
    this.#cursor = new LogCursor(this.#connection, {
      channel: this.#channel,
      streamId,
      from: tail !== undefined || from === 'live' ? 'live' : from === 'start' ? 1 : from,
      ...(tail !== undefined && { tail }),
      chunks: true,
      batch: (batch) => this.#batch(batch),
      // Cut back: what was handed out cannot be taken back, so the reader goes on where it was once the log is there again.
      reset: () => undefined,
      snapshot: (snapshot) => {
        this.#snapshot = snapshot
        this.#wake?.()
      },
      failed: (error) => this.#fail(error),
    })
  }

  /** Resolves once every chunk of the batch was pulled. */
  async #batch(batch: Batch): Promise<void> {
    const { onGap } = this.#options
    for (const gap of batch.gaps) {
      if (onGap) onGap(gap)
      else {
        this.#fail(
          new HeadwaterError(
            'gap',
            `Chunks ${gap.fromSeq} to ${gap.toSeq} are missing (${gap.reason}). Read with onGap to go on behind them.`,
            gap,
          ),
        )
      }
    }
    this.#chunks = batch.packs.flatMap(unpackChunks).filter(({ seq }) => seq > this.#lastSeq)
    this.#at = 0
    if (this.#chunks.length === 0 || this.#ended) return
    this.#wake?.()
    await new Promise<void>((resolve) => (this.#taken = resolve))
  }

  async #next(): Promise<IteratorResult<Chunk, undefined>> {
    for (;;) {
      const chunk = this.#chunks[this.#at]
      if (chunk !== undefined) {
        this.#at += 1
        this.#lastSeq = chunk.seq
        return { value: chunk, done: false }
      }
      if (this.#error) throw this.#error
      if (this.#ended) return { value: undefined, done: true }
      const { ending = null, seq = 0, failure = null } = this.#snapshot ?? {}
      if (ending && (this.#cursor?.next ?? 1) > seq && this.#taken === null) {
        this.#end()
        if (ending.kind === 'error') {
          throw failure
            ? HeadwaterError.from(failure)
            : new HeadwaterError('upstream-error', 'The stream ended with an error.', ending)
        }
        continue
      }
      const woken = new Promise<void>((resolve) => (this.#wake = resolve))
      // The acknowledgement: the next batch may come.
      this.#taken?.()
      this.#taken = null
      await woken
    }
  }

  #fail(error: HeadwaterError): void {
    this.#error ??= error
    this.#end()
  }

  #end(): void {
    this.#ended = true
    this.#cursor?.close()
    this.#taken?.()
    this.#taken = null
    this.#wake?.()
  }
}

const aborted = (signal: AbortSignal): HeadwaterError =>
  new HeadwaterError('aborted', 'The reader was aborted by its signal.', undefined, { cause: signal.reason })
