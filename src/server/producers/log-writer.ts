import type { Ending } from '../../protocol/chunk.ts'
import { HeadwaterError } from '../../protocol/errors.ts'
import type { AppendResult, StreamName, StreamStore } from '../stream-store.ts'

/** Records of one append at most, and about how many bytes: one larger record goes alone. A store does nothing else meanwhile. */
const MAX_BATCH_RECORDS = 1_000
const MAX_BATCH_BYTES = 1024 * 1024
/** What may wait for the store before {@link LogWriter.room} makes its caller wait. */
const ROOM_RECORDS = 1_000
const ROOM_BYTES = 1024 * 1024
/** What may wait at most: who never waits must not fill the memory of a server. */
const MAX_WAITING_RECORDS = 100_000
const MAX_WAITING_BYTES = 64 * 1024 * 1024
/** How long a store that refused is left alone, in milliseconds: a full disk does not empty sooner. */
const STORE_PAUSE_MS = 1_000

const LOST: Ending = { kind: 'error', code: 'producer-lost' }
const FULL: Ending = { kind: 'error', code: 'too-large' }
const NOT_STORED: Ending = { kind: 'error', code: 'store' }

export interface LogWriterOptions {
  readonly store: StreamStore
  readonly name: StreamName
  readonly contentType: string
  /** The process, as the stream's row names it. */
  readonly writer: string
  /** How large the stream may become. What it says last is not counted. */
  readonly maxBytes: number
  /** What a stream says last, by its ending. */
  readonly lastRecords: (ending: Ending, errorText: string | undefined) => readonly Uint8Array[]
}

interface Waiting {
  readonly record: Uint8Array
  stored(): void
  failed(error: HeadwaterError): void
}

/**
 * Writes one stream from within the server. One append is under way at a time; what comes meanwhile goes into the next, so that a fast producer costs few
 * transactions and a slow one no delay. Where the store refuses, the producer is told to stop at once, and what it had said is kept here until it
 * is stored, with an ending that says what happened: no reader waits for ever.
 */
export class LogWriter {
  readonly name: StreamName
  /** Nothing more is written: the ending is stored, somebody else ended or deleted the stream, or the process stops. Never rejects. */
  readonly over: Promise<void>
  /** Rejects with `store` when the store refuses for the first time; what is waiting is stored once there is room. */
  readonly stalled: Promise<never>
  readonly #options: LogWriterOptions
  readonly #abort = new AbortController()
  readonly #leave: () => void
  #waiting: Waiting[] = []
  #bytes = 0
  /** The first one counts. */
  #ending: { readonly ending: Ending; readonly errorText: string | undefined } | null = null
  #isRunning = false
  /** Resolves when what was written last is stored, or never will be. */
  #last: Promise<void> = Promise.resolve()
  #isOver = false
  /** A batch did not fit: one by one from here on, so that what fits is kept. */
  #isNearlyFull = false
  /** The process stops: a store that refuses is not asked again. */
  #closing = false
  #wake: () => void = () => undefined
  #finish: () => void = () => undefined
  #stall: (error: HeadwaterError) => void = () => undefined

  constructor(options: LogWriterOptions) {
    this.name = options.name
    this.#options = options
    this.over = new Promise((resolve) => (this.#finish = resolve))
    this.stalled = new Promise((_, reject) => (this.#stall = reject))
    this.stalled.catch(() => undefined)
    // Cancelled through another process, or deleted: a producer that is silent for long has to hear of it, too.
    this.#leave = options.store.watch(this.name, (change) => {
      const kind = change?.kind ?? 'missed'
      if (kind === 'removed' || kind === 'missed' || (kind === 'ended' && !this.isEnding)) void this.#learn()
    })
  }

  /** Aborts, with a `HeadwaterError`, when nothing more can be written although the producer did not end. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** How it ends, once it does: by its producer or by this process, not by somebody else. */
  get ending(): Ending | null {
    return this.#ending?.ending ?? null
  }

  get isEnding(): boolean {
    return this.#ending !== null
  }

  /** Resolves once the record is stored. @throws {HeadwaterError} what `signal` says, or `closed` */
  write(record: Uint8Array): Promise<void> {
    const refusal = this.#refusal(record)
    if (refusal !== null) return Promise.reject(refusal)
    this.#bytes += record.byteLength
    const written = new Promise<void>((stored, failed) => this.#waiting.push({ record, stored, failed }))
    this.#last = written.catch(() => undefined)
    this.#run()
    return written
  }

  #refusal(record: Uint8Array): HeadwaterError | null {
    if (this.signal.aborted) return this.signal.reason as HeadwaterError
    if (this.isEnding) return new HeadwaterError('closed', 'This stream was closed: nothing more can be written.')
    if (this.#waiting.length < MAX_WAITING_RECORDS && this.#bytes + record.byteLength <= MAX_WAITING_BYTES) return null
    const error = new HeadwaterError(
      'too-large',
      `More than ${MAX_WAITING_BYTES} bytes or ${MAX_WAITING_RECORDS} chunks wait to be stored. Await write(), or pipe to writable.`,
    )
    void this.stop(error, { kind: 'error', code: error.code })
    return error
  }

  /** Resolves when there is room for more, which is usually at once. */
  async room(): Promise<void> {
    if (this.#waiting.length < ROOM_RECORDS && this.#bytes < ROOM_BYTES) return
    await this.#last
  }

  /** Ends the stream, after everything that was written. Resolves with `over`; of several endings the first counts. */
  end(ending: Ending, errorText?: string): Promise<void> {
    this.#ending ??= { ending, errorText }
    this.#run()
    return this.over
  }

  /** Tells the producer to stop, and ends the stream. */
  stop(error: HeadwaterError, ending: Ending): Promise<void> {
    if (!this.isEnding && !this.#isOver) {
      this.#ending = { ending, errorText: undefined }
      this.#abort.abort(error)
    }
    return this.end(ending)
  }

  /** The process stops. What a store refuses now is left to the next one, which finds the stream without its writer. */
  close(): Promise<void> {
    this.#closing = true
    this.#wake()
    return this.stop(new HeadwaterError('producer-lost', 'This server stops, and its streams with it.'), LOST)
  }

  #run(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    void this.#drain()
  }

  async #drain(): Promise<void> {
    while (!this.#isOver && (this.#waiting.length > 0 || this.isEnding)) {
      const batch = this.#nextBatch()
      const last = batch.length === this.#waiting.length ? this.#ending : null
      const lastRecords = last === null ? [] : this.#options.lastRecords(last.ending, last.errorText)
      const result = await this.#append(batch, lastRecords, last?.ending ?? null)
      if (result === null) await this.#refused()
      else if (result.kind === 'full' && batch.length > 1) this.#isNearlyFull = true
      else if (result.kind === 'full') this.#full()
      else if (result.kind === 'appended') this.#stored(batch, last !== null)
      else this.#lose(whyNot(result))
    }
    // In the same turn as the look at what is left: who comes later starts anew.
    this.#isRunning = false
  }

  #nextBatch(): Waiting[] {
    if (this.#isNearlyFull) return this.#waiting.slice(0, 1)
    let bytes = 0
    const end = this.#waiting.slice(0, MAX_BATCH_RECORDS).findIndex(({ record }, i) => {
      bytes += record.byteLength
      return i > 0 && bytes > MAX_BATCH_BYTES
    })
    return this.#waiting.slice(0, end === -1 ? MAX_BATCH_RECORDS : end)
  }

  #append(
    batch: readonly Waiting[],
    lastRecords: readonly Uint8Array[],
    ending: Ending | null,
  ): Promise<AppendResult | null> {
    const { store, writer } = this.#options
    const records = [...batch.map(({ record }) => record), ...lastRecords]
    const contentType = records.length === 0 ? null : this.#options.contentType
    const limit = batch.length === 0 ? Infinity : this.#options.maxBytes
    const maxBytes = lastRecords.reduce((sum, { byteLength }) => sum + byteLength, limit)
    return store.append(this.name, { contentType, records, ending, writer, maxBytes }).catch(() => null)
  }

  #stored(batch: readonly Waiting[], isEnd: boolean): void {
    this.#waiting.splice(0, batch.length)
    for (const { record, stored } of batch) {
      this.#bytes -= record.byteLength
      stored()
    }
    if (isEnd) this.#end()
  }

  /** What waits does not fit: it goes, and the stream ends with what it has. */
  #full(): void {
    const error = tooLarge(this.#options.maxBytes)
    const waiting = this.#waiting.splice(0)
    this.#bytes = 0
    for (const { failed } of waiting) failed(error)
    // Also where its producer had closed it: it lacks what it said before that.
    if (this.#ending?.ending.kind !== 'cancelled') this.#ending = { ending: FULL, errorText: undefined }
    this.#abort.abort(error)
  }

  async #refused(): Promise<void> {
    void this.stop(notStored(), NOT_STORED)
    this.#stall(notStored())
    if (this.#closing) return this.#lose(notStored())
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, STORE_PAUSE_MS)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  /** Somebody else ended or deleted the stream. */
  async #learn(): Promise<void> {
    const info = await this.#options.store.info(this.name).catch(() => null)
    if (info === null || this.#isOver || this.isEnding) return
    if (typeof info === 'string') this.#lose(deleted())
    else if (info.ending !== null) this.#lose(endedBy(info.ending))
  }

  #lose(error: HeadwaterError): void {
    this.#end()
    const waiting = this.#waiting.splice(0)
    this.#bytes = 0
    for (const { failed } of waiting) failed(error)
    this.#abort.abort(error)
  }

  #end(): void {
    this.#isOver = true
    this.#leave()
    this.#finish()
  }
}

function whyNot(result: AppendResult): HeadwaterError {
  return result.kind === 'closed' || result.kind === 'duplicate' ? endedBy(result.info.ending ?? LOST) : deleted()
}

const notStored = (): HeadwaterError =>
  new HeadwaterError(
    'store',
    'The store of the server refused to keep the stream: it may be full. Start again when there is room.',
  )

const tooLarge = (maxBytes: number): HeadwaterError =>
  new HeadwaterError(
    'too-large',
    `A stream may have ${maxBytes} bytes, and this one would have more. Start another one.`,
  )

const deleted = (): HeadwaterError =>
  new HeadwaterError('unknown-stream', 'The stream was deleted while it was written.')

function endedBy({ kind }: Ending): HeadwaterError {
  return kind === 'cancelled'
    ? new HeadwaterError('cancelled', 'The stream was cancelled.')
    : new HeadwaterError('producer-lost', 'This server was silent for so long that another one ended the stream.')
}
