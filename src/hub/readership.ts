import { shareLock, tryAcquireLock } from '../liveness/locks.ts'
import { readingLock } from '../protocol/names.ts'
import type { StreamRow } from '../store/log-store.ts'
import type { HubContext } from './hub-context.ts'
import { isProduced, wantsOwner } from './row.ts'

/** A stream that nobody has read yet gets at least this long: whoever started it is about to. Also how often other hubs' readers are looked for again. */
const MIN_UNWATCHED_MS = 1_000
/** How long a hub that has just started waits for the readers of the one before: they attach at once, but not all at the same time. */
const ATTACH_MS = 2_000

/**
 * Who reads one stream: the cursors of this hub that get chunks, and, by a lock that every hub with such a cursor shares, those of other hubs.
 * Obeys `unwatched`, and cancels what a page produces when its last reader cancels.
 */
export class Readership {
  readonly #context: HubContext
  readonly #streamId: string
  readonly #row: () => StreamRow | undefined
  readonly #closed = new AbortController()
  #readers = 0
  #wasRead = false
  /** Aborts when the last reader of this hub leaves. */
  #reading: AbortController | null = null
  /** The lock of this hub's readers is given back. */
  #released: Promise<void> = Promise.resolve()
  /** Aborts when a reader comes. */
  #watch: AbortController | null = null

  constructor(context: HubContext, streamId: string, row: () => StreamRow | undefined) {
    this.#context = context
    this.#streamId = streamId
    this.#row = row
    this.#startWatch()
  }

  add(): void {
    this.#readers += 1
    if (this.#readers > 1) return
    this.#wasRead = true
    this.#watch?.abort()
    const row = this.#row()
    if (row?.producer === undefined && row?.unwatched === undefined) return
    this.#reading = new AbortController()
    this.#released = shareLock(this.#context.locks, readingLock(this.#streamId), this.#reading.signal)
  }

  remove(): void {
    this.#readers -= 1
    if (this.#readers > 0) return
    this.#reading?.abort()
    this.#reading = null
    this.#startWatch()
  }

  close(): void {
    this.#closed.abort()
    this.#reading?.abort()
    this.#watch?.abort()
  }

  /** A reader was cancelled, not merely closed: if it was the last one, in all hubs, the page that produces is told to stop. */
  async readerCancelled(reason: string | undefined): Promise<void> {
    const row = this.#row()
    if (row === undefined || !isProduced(row)) return
    const { clock, startedAt } = this.#context
    const left = startedAt + ATTACH_MS - clock.now()
    if (row.createdAt < startedAt && left > 0) await clock.delay(left, this.#closed.signal)
    await this.#cancelIfUnread(reason)
  }

  #startWatch(): void {
    const unwatched = this.#row()?.unwatched
    if (unwatched === undefined || this.#closed.signal.aborted) return
    this.#watch?.abort()
    this.#watch = new AbortController()
    void this.#cancelUnwatched(unwatched, this.#watch.signal)
  }

  async #cancelUnwatched(ms: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#context
    await clock.delay(this.#wasRead ? ms : Math.max(ms, MIN_UNWATCHED_MS), signal)
    // A stream that was resumed, or whose readers in other hubs died with them, is looked at again.
    while (!signal.aborted && this.#row()?.ending === null) {
      await this.#cancelIfUnread('unwatched')
      await clock.delay(Math.max(ms, MIN_UNWATCHED_MS), signal)
    }
  }

  async #cancelIfUnread(reason: string | undefined): Promise<void> {
    const isUnread = (): boolean => {
      const row = this.#row()
      if (this.#readers > 0 || row === undefined || this.#closed.signal.aborted) return false
      // What waits in the outbox is to be sent with no tab at all.
      return wantsOwner(row) && row.status !== 'queued'
    }
    if (!isUnread()) return
    await this.#released
    try {
      const alone = await tryAcquireLock(this.#context.locks, readingLock(this.#streamId))
      if (alone === null) return
      try {
        if (isUnread()) await this.#context.cancel(this.#streamId, reason)
      } finally {
        alone.release()
      }
    } catch {
      // The store says no, or the stream is gone.
    }
  }
}
