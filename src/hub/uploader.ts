import { acquireLock, type HeldLock } from '../liveness/locks.ts'
import type { Ending } from '../protocol/chunk.ts'
import { HeadwaterError, toErrorValue } from '../protocol/errors.ts'
import { uploadLock } from '../protocol/names.ts'
import { endSeq, isText, packSize, slicePack, type PackedChunks } from '../protocol/packed-chunks.ts'
import type { WaitingFor } from '../protocol/state.ts'
import type { StreamRow, Upload } from '../store/log-store.ts'
import type { AppendAnswer } from '../upstream/append-upstream.ts'
import { askedDelay, backoffDelay, isCredentialsRefusal, isRetryable } from '../upstream/backoff.ts'
import type { HubContext } from './hub-context.ts'
import { mustUpload } from './row.ts'
import {
  advanceUpload,
  takeOverUpload,
  uploadClosed,
  uploadCreated,
  uploadFailed,
  uploadWaits,
  type Acknowledged,
} from './upload-changes.ts'
import { uploadBody } from './upload-body.ts'

/**
 * How often an upload with nothing to send asks its server for a sign of life: so soon its page hears that nobody wants more. While chunks flow, each
 * answer says it.
 */
const BEAT_MS = 3_000
/** Of data, where the first chunk is bytes and nobody says what it is; and where it is text. */
const BYTES_TYPE = 'application/octet-stream'
const TEXT_TYPE = 'text/plain; charset=utf-8'

/** The stream as the session that has this uploader knows it. */
export interface UploadedStream {
  readonly streamId: string
  /** Aborts when the hub lets go of the stream. */
  readonly closed: AbortSignal
  row(): StreamRow | undefined
  /** Resolves at the next change of anything that somebody may wait for. */
  changed(): Promise<void>
  read(next: number): Promise<{ run: Batch; row: StreamRow } | null>
  learn(row: StreamRow | undefined): void
  refresh(): Promise<void>
}

/** A run of the log, as sessions read it. */
interface Batch {
  fromSeq: number
  toSeq: number
  packs: readonly PackedChunks[]
  gaps: readonly unknown[]
}

/**
 * Sends what a page writes to a server, out of the log: the log is the outbox. One hub at a time does so, which holds the stream's upload lock; what
 * it is about to send is stored before it is sent, and whoever takes over sends the same again under the same number, which the server knows.
 */
export class Uploader {
  /** Resolves once nothing is under way any more, after the stream's `closed`. */
  readonly done: Promise<void>
  readonly #context: HubContext
  readonly #stream: UploadedStream
  #lock: HeldLock | null = null
  /** What was read of the log for the next batch. */
  #ahead: Batch | null = null
  #robbedEpoch = -1
  #wake: AbortController | null = null
  /** So many times in a row the store refused what has to be stored before anything is sent. */
  #refusals = 0

  constructor(context: HubContext, stream: UploadedStream) {
    this.#context = context
    this.#stream = stream
    this.done = this.#run()
  }

  /** Whether this hub uploads the stream. */
  get owned(): boolean {
    return this.#lock !== null
  }

  /** An attempt is worth while now. */
  nudge(): void {
    this.#wake?.abort()
  }

  get #upload(): Upload | undefined {
    return this.#stream.row()?.upload
  }

  async #run(): Promise<void> {
    const { closed, streamId } = this.#stream
    while (!closed.aborted) {
      const row = this.#stream.row()
      if (row === undefined || !mustUpload(row) || !this.#context.isNeeded(streamId)) {
        await this.#stream.changed()
        continue
      }
      try {
        this.#lock = await this.#acquire()
        await this.#work(this.#lock)
      } catch (error) {
        // The store, or the browser's locks, say no: nothing was sent that is not stored.
        this.#refusals += 1
        if (toErrorValue(error, 'network').code === 'store') await this.#waitForStore().catch(() => undefined)
        await this.#pause(backoffDelay(this.#refusals, this.#context.random()))
        await this.#stream.refresh()
      } finally {
        this.#ahead = null
        this.#lock?.release()
        this.#lock = null
      }
    }
  }

  /** Waits in line; takes the lock from a hub that is stuck, once per epoch (rule 14). */
  async #acquire(): Promise<HeldLock> {
    const { closed, streamId } = this.#stream
    const { locks, whenOwnerStuck } = this.#context
    const name = uploadLock(streamId)
    const enough = new AbortController()
    const leave = (): void => enough.abort()
    closed.addEventListener('abort', leave, { once: true })
    try {
      const request = acquireLock(locks, name, { signal: enough.signal })
      const stuck = (async () => {
        while (await whenOwnerStuck(name, enough.signal))
          if ((this.#upload?.epoch ?? 0) > this.#robbedEpoch) return null
        return request
      })()
      const granted = await Promise.race([request, stuck])
      if (granted !== null) return granted
      leave()
      const late = await request.catch(() => null)
      if (late !== null) return late
      this.#robbedEpoch = this.#upload?.epoch ?? 0
      return await acquireLock(locks, name, { steal: true })
    } finally {
      leave()
      closed.removeEventListener('abort', leave)
    }
  }

  /** From the grant until the upload is over, or this hub's turn is. */
  async #work(lock: HeldLock): Promise<void> {
    const { clock, random, online, isNeeded } = this.#context
    // Rule 1: take over, then send. Bound, as what is planned later: who took over in memory alone would fence nobody off.
    const took = await this.#commit((row) => takeOverUpload(row, clock.now()), { binding: true })
    const epoch = took?.upload?.epoch
    if (epoch === undefined) return
    for (let attempt = 0; ;) {
      const upload = this.#upload
      // Robbed, or fenced by who took over: rule 2 would refuse whatever this hub still does.
      if (
        lock.lost.aborted ||
        this.#stream.closed.aborted ||
        upload === undefined ||
        upload.over ||
        upload.epoch !== epoch
      )
        return
      try {
        await this.#step(upload, lock.lost)
        attempt = 0
        this.#refusals = 0
      } catch (error) {
        if (this.#stream.closed.aborted || lock.lost.aborted) return
        const failure = toErrorValue(error, 'network')
        if (failure.code === 'store' || failure.code === 'closed') throw error
        const waitingFor = this.#whatFor(error, upload, online())
        if (waitingFor === null) {
          const ended = await this.#commit((row) => uploadFailed(row, upload, failure, clock.now()))
          if (ended?.ending?.kind === 'error') this.#context.ended(ended)
          return
        }
        attempt += 1
        await this.#commit((row) => uploadWaits(row, upload, waitingFor, clock.now()))
        await this.#pause(backoffDelay(attempt, random(), askedDelay(error)))
        // The lock is for a hub that has a tab.
        if (!isNeeded(this.#stream.streamId)) return
      }
    }
  }

  /** What another attempt has to wait for; `null` where none is worth it. */
  #whatFor(error: unknown, upload: Upload, online: boolean): WaitingFor | null {
    if (upload.credentials && isCredentialsRefusal(error)) return 'credentials'
    if (!isRetryable(error)) return null
    return online ? 'server' : 'network'
  }

  /** One request and what follows from its answer, or the wait for something to send. */
  async #step(upload: Upload, lost: AbortSignal): Promise<void> {
    if (!upload.created) return this.#create(upload, lost)
    if (upload.sending !== null) return this.#send(upload, upload.sending, lost)
    const row = this.#stream.row()
    if (row !== undefined && (row.seq > upload.seq || row.ending !== null)) return this.#plan(upload, null, upload.seq)
    if (await this.#isStill(BEAT_MS)) await this.#beat(upload, lost)
  }

  async #create(upload: Upload, lost: AbortSignal): Promise<void> {
    const contentType = upload.contentType ?? (await this.#firstType())
    if (contentType === null) {
      await this.#isStill(BEAT_MS)
      return
    }
    const answer = await this.#ask({ act: 'create', url: upload.url, contentType, lease: upload.lease }, lost)
    if (answer.closed !== null) return this.#closed(upload, answer.closed)
    const found = { contentType, leased: answer.leased }
    await this.#commit((row) => uploadCreated(row, upload, found, this.#context.clock.now()))
  }

  /** Told by the first chunk, or by an end without any; `null` where there is neither yet. */
  async #firstType(): Promise<string | null> {
    const row = this.#stream.row()
    if (row === undefined || row.seq === 0) return row?.ending != null ? BYTES_TYPE : null
    const first = (await this.#stream.read(1))?.run.packs[0]
    return first !== undefined && isText(first) ? TEXT_TYPE : BYTES_TYPE
  }

  async #send(upload: Upload, { toSeq, closes }: NonNullable<Upload['sending']>, lost: AbortSignal): Promise<void> {
    const row = this.#stream.row()
    const packs = await this.#packs(upload.seq + 1, toSeq)
    if (packs === null || row?.producer === undefined) return
    const { url, request: seq, contentType } = upload
    const type = contentType ?? BYTES_TYPE
    const { body, carry } = uploadBody(packs, type, upload.carry, closes)
    const size = packs.reduce((sum, pack) => sum + packSize(pack), 0)
    const wasSent = body.length > 0 || closes
    if (wasSent) {
      // The page's own name for this one stream: another one of the same id starts to count anew.
      const producer = encodeURIComponent(row.producer)
      const ending = closes ? row.ending : null
      const answer = await this.#ask({ act: 'append', url, contentType: type, body, producer, seq, ending }, lost)
      if (answer.closed !== null) return this.#closed(upload, answer.closed)
    }
    await this.#plan(upload, { size, carry, wasSent }, toSeq)
  }

  async #beat(upload: Upload, lost: AbortSignal): Promise<void> {
    const answer = await this.#askForBeat(upload, lost)
    if (answer.closed !== null) return this.#closed(upload, answer.closed)
    await this.#commit((row) => uploadWaits(row, upload, undefined, this.#context.clock.now()))
  }

  #askForBeat({ url, lease, leased }: Upload, lost: AbortSignal): Promise<AppendAnswer> {
    return this.#ask({ act: 'beat', url, lease: leased ? lease : null }, lost)
  }

  /** What was under way is there (`done`), and what comes next is stored: one transaction per batch. */
  async #plan(upload: Upload, done: Acknowledged | null, from: number): Promise<void> {
    const seq = this.#stream.row()?.seq ?? 0
    this.#ahead = seq > from ? ((await this.#stream.read(from + 1))?.run ?? null) : null
    const upTo = this.#ahead === null ? from : this.#ahead.toSeq - 1
    const now = this.#context.clock.now()
    await this.#commit((row) => advanceUpload(row, upload, done, upTo, now), { binding: true })
  }

  /** Shows that the upload waits, and gives its server a sign of life: a disk may be full for longer than a lease. */
  async #waitForStore(): Promise<void> {
    const upload = this.#upload
    if (upload === undefined || upload.over) return
    await this.#commit((row) => uploadWaits(row, upload, 'storage', this.#context.clock.now()))
    if (!upload.created || !this.#lock) return
    const answer = await this.#askForBeat(upload, this.#lock.lost)
    if (answer.closed !== null) await this.#closed(upload, answer.closed)
  }

  async #closed(upload: Upload, ending: Ending): Promise<void> {
    const row = await this.#commit((now) => uploadClosed(now, upload, ending, this.#context.clock.now()))
    if (row?.ending?.kind === 'error') this.#context.ended(row)
  }

  /** The chunks of a batch; `null` where the stream is gone. */
  async #packs(fromSeq: number, toSeq: number): Promise<PackedChunks[] | null> {
    const packs: PackedChunks[] = []
    for (let next = fromSeq; next <= toSeq;) {
      const ahead = this.#ahead?.fromSeq === next ? this.#ahead : null
      const run = ahead ?? (await this.#stream.read(next))?.run
      if (run === undefined) return null
      for (const pack of run.packs) {
        const part = pack.fromSeq > toSeq ? null : slicePack(pack, next, toSeq + 1 - Math.max(next, pack.fromSeq))
        if (part === null) continue
        if (part.fromSeq !== next) throw damaged(next)
        packs.push(part)
        next = endSeq(part)
      }
      if (next <= toSeq && next < run.toSeq) throw damaged(next)
    }
    return packs
  }

  /** One request; a hub that goes, or was robbed, closes its connection. */
  async #ask(request: Parameters<HubContext['append']>[1], lost: AbortSignal): Promise<AppendAnswer> {
    const row = this.#stream.row()
    if (row === undefined) throw new HeadwaterError('closed', 'The stream was deleted.')
    const { closed } = this.#stream
    const abort = new AbortController()
    const end = (): void => abort.abort()
    for (const signal of [closed, lost]) {
      if (signal.aborted) end()
      signal.addEventListener('abort', end, { once: true })
    }
    try {
      return await this.#context.append(row, request, abort.signal)
    } finally {
      for (const signal of [closed, lost]) signal.removeEventListener('abort', end)
    }
  }

  async #commit(
    decide: (row: StreamRow | undefined) => StreamRow | null,
    { binding = false } = {},
  ): Promise<StreamRow | null> {
    const { streamId } = this.#stream
    const result = await this.#context.journal.commit({
      streamId,
      binding,
      decide: (row) => {
        const next = decide(row)
        return next && { row: next }
      },
    })
    this.#stream.learn(result.row)
    if (!result.applied || result.row === undefined) return null
    this.#context.moved({ streamId, channel: result.row.channel })
    return result.row
  }

  /** Resolves after so many milliseconds, or once somebody thinks that an attempt is worth while. */
  async #pause(ms: number): Promise<void> {
    const { closed } = this.#stream
    const wake = new AbortController()
    this.#wake = wake
    const end = (): void => wake.abort()
    if (closed.aborted) end()
    closed.addEventListener('abort', end, { once: true })
    await this.#context.clock.delay(ms, wake.signal)
    closed.removeEventListener('abort', end)
    this.#wake = null
  }

  /** Whether so many milliseconds pass without a change of the stream. */
  async #isStill(ms: number): Promise<boolean> {
    const over = new AbortController()
    const time = this.#context.clock.delay(ms, over.signal).then(() => !over.signal.aborted)
    const still = await Promise.race([time, this.#stream.changed().then(() => false)])
    over.abort()
    return still
  }
}

const damaged = (seq: number): HeadwaterError =>
  new HeadwaterError('gap', `What was stored at seq ${seq} cannot be read any more, so the upload cannot go on.`, seq)
