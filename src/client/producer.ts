import { nanoid } from 'nanoid'
import { tryAcquireLock, type HeldLock } from '../liveness/locks.ts'
import { orAborted } from '../liveness/or-aborted.ts'
import { soloLocks } from '../liveness/solo-locks.ts'
import type { Ending, NewChunk } from '../protocol/chunk.ts'
import { HeadwaterError, toErrorValue } from '../protocol/errors.ts'
import type { StartStream } from '../protocol/hub-port.ts'
import { MAX_NAME_LENGTH, ownLock } from '../protocol/names.ts'
import { packChunks } from '../protocol/packed-chunks.ts'
import { MAX_PRODUCED_CHUNKS, MAX_PRODUCED_SIZE, MAX_WRITE, type Produced } from '../protocol/produce.ts'
import { keepsChunks, MAX_UPLOADED_CHUNK } from '../protocol/upload.ts'
import type { Destination, StartOptions } from './api.ts'
import type { Connection } from './connection.ts'
import { LogCursor } from './log-cursor.ts'
import { reasonText } from './reason-text.ts'

/** How much may wait to be stored before a Web stream's writer is told to wait, in UTF-16 units or bytes, and in chunks. */
const HIGH_WATER_SIZE = 1024 * 1024
const HIGH_WATER_CHUNKS = 10_000
/** How much may wait to be uploaded where nobody says it, in the same units: some seconds of a fast network. */
const UPLOAD_HIGH_WATER = 8 * 1024 * 1024
/** How long a store that failed is left alone, in milliseconds. */
const STORE_PAUSE_MS = 1_000

interface Write {
  chunk: NewChunk
  stored(): void
  failed(error: HeadwaterError): void
}

/** What a producer has to know of its row. */
type News = Pick<Produced, 'version' | 'status' | 'ending' | 'reason' | 'failure' | 'upload'>

/**
 * The page's end of a stream that it writes. The page holds the stream's lock, as a hub does that fetches; its death is noticed by that lock. One
 * call is in flight, and what is written meanwhile is the next one. Chunks are numbered here, so a call that is sent again after a hub's
 * death is stored once.
 */
export class Producer {
  /** Resolves once the stream is stored. */
  readonly started: Promise<void>
  readonly #connection: Connection
  readonly #streamId: string
  readonly #channel: string
  readonly #name = nanoid()
  readonly #abort: AbortController
  #lock: HeldLock | null = null
  #cursor: LogCursor | null = null
  /** What is not stored yet, in order; the first of it has the seq `#next`. */
  #writes: Write[] = []
  #next = 1
  #size = 0
  #ending: { kind: 'done' | 'error'; message?: string } | null = null
  #version = 0
  #stopped = false
  #failure: HeadwaterError | null = null
  #wake: () => void = () => undefined
  #changed: Promise<void>
  /** Everything is stored, the ending included. */
  readonly #done: Promise<void>
  /** The server of its destination has everything, or, where there is none, everything is stored. */
  readonly uploaded: Promise<void>
  readonly #to: Destination | null
  /** Units of data that are stored, and that the server has. */
  #stored = 0
  #loaded = 0
  #uploadOver = false
  #uploadFailure: HeadwaterError | null = null

  /**
   * @param start creates the stream's row, for the producer of the name given
   * @param abort aborts when the stream can no longer be written
   * @param to where it goes as well
   */
  constructor(
    connection: Connection,
    { streamId, channel }: Pick<StartStream, 'streamId' | 'channel'>,
    start: (producer: string) => Promise<unknown>,
    abort: AbortController,
    to?: StartOptions['to'],
  ) {
    this.#connection = connection
    this.#streamId = streamId
    this.#channel = channel
    this.#abort = abort
    this.#to = to === undefined ? null : typeof to === 'string' || to instanceof URL ? { url: to } : to
    connection.leaving.add(this.#leave)
    this.#changed = new Promise((resolve) => (this.#wake = resolve))
    this.started = this.#start(start)
    this.#done = this.#run()
    this.uploaded = this.#whenUploaded()
    for (const promise of [this.started, this.#done, this.uploaded]) promise.catch(() => undefined)
  }

  /** Resolves once the chunk is stored. */
  async write(data: string | Uint8Array, { event }: { event?: string } = {}): Promise<void> {
    this.#check(data, event)
    await this.#take(data, event)
    while (this.#isAhead && !this.#failure) await this.#changed
  }

  /** More was written than may wait for the server. */
  get #isAhead(): boolean {
    const { highWaterMark = UPLOAD_HIGH_WATER } = this.#to ?? {}
    return this.#to !== null && !this.#uploadOver && this.#stored + this.#size - this.#loaded > highWaterMark
  }

  async #whenUploaded(): Promise<void> {
    await this.#done
    while (this.#to !== null && !this.#uploadOver && !this.#failure) await this.#changed
    this.#cursor?.close()
    const failure = this.#failure ?? this.#uploadFailure
    if (failure) throw failure
  }

  /** Resolves once there is room for more. A chunk that cannot be written ends the stream: a Web stream's sink would tell nobody. */
  async pour(data: string | Uint8Array): Promise<void> {
    try {
      this.#check(data, undefined)
    } catch (refusal) {
      await this.error(refusal).catch(() => undefined)
      throw refusal
    }
    this.#take(data, undefined).catch(() => undefined)
    const isFull = (): boolean => this.#size > HIGH_WATER_SIZE || this.#writes.length > HIGH_WATER_CHUNKS
    while ((isFull() || this.#isAhead) && !this.#failure) await this.#changed
  }

  #check(data: unknown, event: unknown): void {
    if (this.#failure) throw this.#failure
    if (this.#ending) throw new HeadwaterError('closed', 'This sink was closed: nothing more can be written.')
    if (typeof data !== 'string' && !(data instanceof Uint8Array)) {
      throw new HeadwaterError('bad-message', 'A chunk must be a string or a Uint8Array.')
    }
    const most = this.#to === null ? MAX_WRITE : MAX_UPLOADED_CHUNK
    if (data.length > most) {
      throw new HeadwaterError('too-large', `A chunk may have ${most} characters or bytes. Write it in pieces.`)
    }
    if (keepsChunks(this.#to?.contentType ?? '') && !isJson(data)) {
      throw new HeadwaterError('bad-message', 'A chunk for a stream of JSON must be one JSON text.')
    }
    if (event !== undefined && (typeof event !== 'string' || event === '' || event.length > MAX_NAME_LENGTH)) {
      throw new HeadwaterError('bad-message', `A chunk's event must have 1 to ${MAX_NAME_LENGTH} characters.`)
    }
  }

  #take(data: string | Uint8Array, event: string | undefined): Promise<void> {
    // The writer's buffer is the writer's: it may be filled again before this one is sent.
    const own = typeof data === 'string' ? data : data.slice()
    const chunk = { time: 0, data: own, ...(event !== undefined && { event }) }
    return new Promise<void>((stored, failed) => {
      this.#writes.push({ chunk, stored, failed })
      this.#size += own.length
      this.#signal()
    })
  }

  /** Resolves once the ending is stored. */
  close(): Promise<void> {
    return this.#end({ kind: 'done' })
  }

  /** Resolves once the ending is stored. */
  error(reason: unknown): Promise<void> {
    const message = reasonText(reason)
    return this.#end({ kind: 'error', ...(message !== undefined && { message }) })
  }

  #end(ending: { kind: 'done' | 'error'; message?: string }): Promise<void> {
    this.#ending ??= ending
    this.#signal()
    return this.#done
  }

  #signal(): void {
    this.#wake()
    this.#changed = new Promise((resolve) => (this.#wake = resolve))
  }

  async #start(start: (producer: string) => Promise<unknown>): Promise<void> {
    try {
      // Before there is a row: a hub that finds one whose lock is free takes its producer for gone.
      this.#lock = await tryAcquireLock(this.#connection.locks ?? soloLocks, ownLock(this.#streamId))
      if (this.#lock === null) {
        throw new HeadwaterError(
          'live-id',
          `A stream "${this.#streamId}" is live. Choose another id, or cancel it first.`,
          this.#streamId,
        )
      }
      this.#lock.lost.addEventListener('abort', this.#leave)
      // The page may have left meanwhile.
      if (this.#failure) throw this.#failure
      await orAborted(start(this.#name), this.#abort.signal)
      this.#cursor = this.#follow()
    } catch (error) {
      throw this.#fail(error)
    }
  }

  /** The row, without its chunks: where somebody cancels or stops, this page hears of it also when it does not write. */
  #follow(): LogCursor {
    return new LogCursor(this.#connection, {
      channel: this.#channel,
      streamId: this.#streamId,
      from: 1,
      chunks: false,
      batch: () => undefined,
      reset: () => undefined,
      snapshot: (snapshot) => this.#learn(snapshot),
      failed: (error) => {
        // Whatever else it is, the next call finds out.
        if (error.code === 'unknown-stream') this.#fail(error)
      },
    })
  }

  readonly #leave = (): void => void this.#fail(producerLost())

  /** The stream can no longer be written, and the lock goes: whoever gets it ends the stream, where it has not ended. Answers with why, the first time. */
  #fail(thrown: unknown): HeadwaterError {
    this.#lock?.release()
    if (this.#failure) return this.#failure
    const error = HeadwaterError.from(toErrorValue(thrown, 'hub-lost'))
    this.#failure = error
    const writes = this.#writes
    this.#writes = []
    this.#size = 0
    for (const { failed } of writes) failed(error)
    this.#letGo()
    this.#signal()
    this.#abort.abort(error)
    return error
  }

  /** @param follows the stream has ended, and its upload has not */
  #letGo({ follows = false } = {}): void {
    this.#connection.leaving.delete(this.#leave)
    if (!follows) this.#cursor?.close()
    this.#lock?.release()
  }

  #learn({ version, status, ending, reason, failure, upload }: News): void {
    // It never falls, so an older word changes nothing.
    this.#loaded = Math.max(this.#loaded, upload?.loaded ?? 0)
    if (upload && (upload.done || upload.failure)) {
      this.#uploadOver = true
      this.#uploadFailure = upload.failure && HeadwaterError.from(upload.failure)
    }
    // Answers and news come on two ways: the older one may come last.
    if (version < this.#version) return this.#signal()
    this.#version = version
    this.#stopped = status === 'stopped' && ending === null
    if (ending !== null && !this.#isOwn(ending)) this.#fail(endedBy(ending, reason, failure))
    this.#signal()
  }

  /** Whether a stream ended as this page asked. */
  #isOwn({ kind, code }: Ending): boolean {
    return kind === this.#ending?.kind && code !== 'producer-lost'
  }

  async #run(): Promise<void> {
    await this.started
    for (;;) {
      while (this.#stopped || (this.#writes.length === 0 && this.#ending === null)) {
        await this.#changed
        if (this.#failure) throw this.#failure
      }
      const produced = await this.#produce().catch(async (error: unknown) => {
        if (!(error instanceof HeadwaterError) || error.code !== 'store') throw this.#fail(error)
        const pause = new Promise<null>((resolve) => setTimeout(() => resolve(null), STORE_PAUSE_MS))
        return orAborted(pause, this.#abort.signal)
      })
      if (produced === null) continue
      const stored = this.#writes.splice(0, Math.max(0, produced.next - this.#next))
      this.#next += stored.length
      for (const { chunk, stored: done } of stored) {
        this.#size -= chunk.data.length
        this.#stored += chunk.data.length
        done()
      }
      this.#learn(produced)
      if (this.#failure) throw this.#failure
      if (produced.ending !== null) return this.#letGo({ follows: this.#to !== null })
    }
  }

  /** As much as one call may hold; with the ending, where that is all. */
  #produce(): Promise<Produced> {
    let count = 0
    let size = 0
    for (const { chunk } of this.#writes) {
      if (count === MAX_PRODUCED_CHUNKS || (count > 0 && size + chunk.data.length > MAX_PRODUCED_SIZE)) break
      count += 1
      size += chunk.data.length
    }
    const { kind, message } = (count === this.#writes.length && this.#ending) || {}
    const produce = {
      streamId: this.#streamId,
      producer: this.#name,
      fromSeq: this.#next,
      packs: packChunks(
        this.#writes.slice(0, count).map(({ chunk }) => chunk),
        this.#next,
      ),
      ...(kind && { ending: { kind } }),
      ...(message !== undefined && { message }),
    }
    return orAborted(
      this.#connection.call((hub) => hub.produce(produce)),
      this.#abort.signal,
    )
  }
}

function isJson(data: string | Uint8Array): boolean {
  try {
    JSON.parse(typeof data === 'string' ? data : new TextDecoder().decode(data))
    return true
  } catch {
    return false
  }
}

const producerLost = (): HeadwaterError =>
  new HeadwaterError('producer-lost', 'This page left the stream that it wrote, which ended. Start a new one.')

/** Why a stream that this page writes has ended without its doing. */
function endedBy({ kind }: Ending, reason: string | undefined, failure: News['failure']): HeadwaterError {
  if (kind !== 'cancelled') return failure ? HeadwaterError.from(failure) : producerLost()
  const said = reason === undefined ? '.' : `: ${reason}`
  return new HeadwaterError('cancelled', `The stream was cancelled${said}`, reason)
}
