import type { Ack, Batch } from '../protocol/hub-port.ts'
import type { StreamListener } from './followed-stream.ts'
import { snapshotOf } from './row.ts'
import type { StreamSession } from './stream-session.ts'

/** A tab that refuses the same batch so often is faulty; its cursor goes, and nobody else notices (I6). */
const MAX_REFUSALS = 8

export interface CursorOptions {
  cursorId: number
  bootId: string
  /** False: snapshots only. */
  chunks: boolean
  /** @param own nobody else holds the batch's packs */
  deliver(batch: Batch, own: boolean): Promise<Ack>
  /** What this view showed was deleted. `createdAt`: which of the streams that had this id. */
  gone(streamId: string, createdAt: number | undefined): void
  /** Resolves when the store may be asked again after it failed. */
  pause(): Promise<void>
  /** The cursor ended by itself: its tab is gone or faulty. */
  failed(cursor: Cursor): void
}

/**
 * One view: the next seq that it wants, and at most one delivery in flight. What is committed meanwhile is the next batch; so there is no
 * queue, and a tab that does not answer costs this object and one batch (I6, I10).
 */
export class Cursor implements StreamListener {
  readonly #options: CursorOptions
  #session: StreamSession | null = null
  /** When the stream was created that this view shows. Another one may have its id once it was deleted. */
  #createdAt: number | undefined
  #next = 1
  /** The version of the row whose snapshot the tab has; 0 for none. */
  #shown = 0
  #refusals = 0
  /** Raised whenever the place is set from outside: what was under way before says nothing about the new one. */
  #turn = 0
  /** The next batch tells the tab to start over. */
  #rewinds = false
  /** What comes behind the batch in flight, being read while the tab takes that one: a cursor that is behind waits for one of the two, not both. */
  #ahead: { next: number; read: ReturnType<StreamSession['read']> } | null = null
  #running = false
  #dirty = false
  #closed = false

  constructor(options: CursorOptions) {
    this.#options = options
  }

  get reads(): boolean {
    return this.#options.chunks
  }

  get session(): StreamSession | null {
    return this.#session
  }

  /** Reads this stream from `next` on. What is in flight of another stream no longer counts. */
  follow(session: StreamSession | null, next: number, shown = 0): void {
    this.#session?.unlisten(this)
    this.#session = session
    this.#createdAt = session?.row?.createdAt
    this.#next = next
    this.#shown = shown
    this.#refusals = 0
    this.#ahead = null
    this.#turn += 1
    this.#rewinds = false
    session?.listen(this)
    this.moved()
  }

  rewound(): void {
    if (this.#session?.row?.createdAt !== this.#createdAt) return this.moved()
    this.follow(this.#session, 1)
    this.#rewinds = this.#options.chunks
  }

  close(): void {
    this.#closed = true
    this.#session?.unlisten(this)
    this.#session = null
  }

  moved(): void {
    this.#dirty = true
    if (!this.#running && !this.#closed) void this.#run()
  }

  async #run(): Promise<void> {
    this.#running = true
    try {
      while (this.#dirty && !this.#closed) {
        this.#dirty = false
        await this.#deliverNext()
      }
    } catch {
      // The tab cannot be reached, or is faulty.
      this.#options.failed(this)
    } finally {
      this.#running = false
    }
  }

  async #deliverNext(): Promise<void> {
    const session = this.#session
    if (session === null) return
    const createdAt = this.#createdAt
    if (session.row === undefined || session.row.createdAt !== createdAt) {
      this.follow(null, 1)
      this.#options.gone(session.streamId, createdAt)
      return
    }
    const turn = this.#turn
    const found = await this.#batch(session)
    if (found === null) return
    const { batch, own } = found
    if (this.#closed || this.#turn !== turn || batch.createdAt !== createdAt) return
    const delivering = this.#options.deliver(this.#rewinds ? { ...batch, rewind: true } : batch, own)
    // Without a snapshot the batch does not reach the end of what is committed.
    if (batch.snapshot === null) {
      this.#ahead = { next: batch.toSeq, read: session.read(batch.toSeq) }
      this.#ahead.read.catch(() => undefined)
    }
    const ack = await delivering
    // A stream that was switched, or cut back, meanwhile has a place of its own.
    if (this.#turn !== turn) return
    // Of one that is gone, whatever the tab wants next it cannot have: the next round says so.
    if (session.row?.createdAt === createdAt) this.#accept(batch, ack, session)
    this.#dirty = true
  }

  #accept(batch: Batch, ack: Ack, session: StreamSession): void {
    if (ack.next === batch.toSeq) {
      this.#refusals = 0
      this.#rewinds = false
      this.#next = batch.toSeq
      if (batch.snapshot) this.#shown = batch.snapshot.version
      return
    }
    this.#refusals += 1
    // An acknowledgement of what was never sent is garbage; so is a tab that wants the same again and again.
    const possible = Number.isSafeInteger(ack.next) && ack.next >= 1 && ack.next <= (session.row?.seq ?? 0) + 1
    if (!possible || this.#refusals > MAX_REFUSALS) throw new Error('The tab acknowledged what it never got.')
    this.#next = ack.next
    this.#shown = 0
  }

  /** What this view has not seen; `null` where it has all. */
  async #batch(session: StreamSession): Promise<{ batch: Batch; own: boolean } | null> {
    const { bootId, cursorId, chunks } = this.#options
    const next = this.#next
    if (chunks) {
      const ahead = this.#ahead
      this.#ahead = null
      let read
      try {
        read = await (ahead?.next === next ? ahead.read : session.read(next))
      } catch {
        // Not the tab's fault, and it hears of nothing: so its cursor stays, and asks the store again.
        void this.#options.pause().then(() => this.moved())
        return null
      }
      if (read !== null) {
        const { run, row, own } = read
        const snapshot = run.toSeq === row.seq + 1 ? snapshotOf(row) : null
        const batch = {
          bootId,
          cursorId,
          epoch: row.epoch,
          streamId: row.streamId,
          createdAt: row.createdAt,
          dialect: row.dialect,
          ...run,
          snapshot,
          ...(snapshot === null && next === 1 && { opening: snapshotOf(row) }),
        }
        return { batch, own }
      }
    }
    const row = session.row
    if (row === undefined || row.version <= this.#shown) return null
    // More was committed while the store was read: the next round brings it, with its status.
    if (chunks && next <= row.seq) {
      this.#dirty = true
      return null
    }
    const batch = {
      bootId,
      cursorId,
      epoch: row.epoch,
      streamId: row.streamId,
      createdAt: row.createdAt,
      dialect: row.dialect,
      fromSeq: next,
      toSeq: next,
      packs: [],
      gaps: [],
      snapshot: snapshotOf(row),
    }
    return { batch, own: false }
  }
}
