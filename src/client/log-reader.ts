import type { Chunk, Gap } from '../protocol/chunk.ts'
import { HeadwaterError } from '../protocol/errors.ts'
import type { Batch, ReaderCancel } from '../protocol/hub-port.ts'
import { unpackChunks } from '../protocol/packed-chunks.ts'
import type { StreamSnapshot } from '../protocol/snapshot.ts'
import type { ReadOptions } from './api.ts'
import type { Connection } from './connection.ts'
import { LogCursor } from './log-cursor.ts'
import { reasonText } from './reason-text.ts'

/**
 * What reads behind a `Reader`. The next batch comes when the last chunk of the one before was pulled, so a reader that does not pull holds one
 * batch and its place. Ends after the last chunk of a stream that is done or cancelled; throws after the last chunk of one that failed.
 */
export class LogReader {
  readonly #connection: Connection
  readonly #channel: string
  readonly #options: ReadOptions
  #cursor: LogCursor | null = null
  /** What was delivered and not yet pulled, in the order of seqs. */
  #items: (Chunk | Gap)[] = []
  #at = 0
  #lastSeq = 0
  /** Up to here everything was handed out, told as a gap, or not asked for: a log that is read again is passed over. */
  #place: number
  #taken: (() => void) | null = null
  #snapshot: StreamSnapshot | null = null
  #error: HeadwaterError | null = null
  #ended = false
  #wake: (() => void) | null = null
  /** Pulls are served one after the other, however many are asked for at once. */
  #pulling: Promise<unknown> = Promise.resolve()
  readonly #onAbort = (): void => {
    this.#items = []
    this.#fail(aborted(this.#options.signal))
  }

  constructor(connection: Connection, channel: string, options: ReadOptions) {
    this.#connection = connection
    this.#channel = channel
    this.#options = options
    const { signal, from } = options
    this.#place = typeof from === 'number' ? from - 1 : 0
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    if (signal?.aborted) this.#onAbort()
    else if (options.streamId !== undefined) this.#attach(options.streamId, options.from ?? 'start')
    else this.#attachToNewest()
  }

  get lastSeq(): number {
    return this.#lastSeq
  }

  cancel(reason: unknown): void {
    const text = reasonText(reason)
    this.close(text === undefined ? {} : { reason: text })
  }

  /** @param cancel what was said, where the reader was cancelled and not merely left */
  close(cancel?: ReaderCancel): void {
    this.#items = []
    this.#end(cancel)
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

  /** Resolves once everything in the batch was pulled. */
  async #batch(batch: Batch): Promise<void> {
    const items: (Chunk | Gap)[] = batch.packs.flatMap(unpackChunks).filter(({ seq }) => seq > this.#place)
    const gaps = batch.gaps.filter(({ toSeq }) => toSeq > this.#place)
    if (gaps.length > 0) {
      items.push(...gaps)
      items.sort((a, b) => lastSeqOf(a) - lastSeqOf(b))
    }
    if (items.length === 0 || this.#ended) return
    this.#items = items
    this.#at = 0
    this.#wake?.()
    await new Promise<void>((resolve) => (this.#taken = resolve))
  }

  /** The next chunk, or the end. */
  pull(): Promise<IteratorResult<Chunk, undefined>> {
    const result = this.#pulling.then(() => this.#next())
    this.#pulling = result.catch(() => undefined)
    return result
  }

  /** A gap stands in its place between the chunks: told, or the end of a reader that did not ask to be told. */
  #passGap(gap: Gap): void {
    const { onGap } = this.#options
    if (onGap) return onGap(gap)
    this.#items = []
    this.#fail(
      new HeadwaterError(
        'gap',
        `Chunks ${gap.fromSeq} to ${gap.toSeq} are missing (${gap.reason}). Read with onGap to go on behind them.`,
        gap,
      ),
    )
  }

  async #next(): Promise<IteratorResult<Chunk, undefined>> {
    for (;;) {
      const item = this.#items[this.#at]
      if (item !== undefined) {
        this.#at += 1
        this.#place = lastSeqOf(item)
        if ('seq' in item) {
          this.#lastSeq = item.seq
          return { value: item, done: false }
        }
        this.#passGap(item)
        continue
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

  #end(cancel?: ReaderCancel): void {
    // What has ended holds nothing any more.
    const first = !this.#ended
    this.#ended = true
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    if (first) this.#cursor?.close(cancel)
    this.#taken?.()
    this.#taken = null
    this.#wake?.()
  }
}

const lastSeqOf = (item: Chunk | Gap): number => ('seq' in item ? item.seq : item.toSeq)

const aborted = (signal: AbortSignal | undefined): HeadwaterError =>
  new HeadwaterError('aborted', 'The reader was aborted.', undefined, { cause: signal?.reason })
