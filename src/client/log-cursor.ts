import { orAborted } from '../liveness/or-aborted.ts'
import { HeadwaterError } from '../protocol/errors.ts'
import type { Attached, Batch, ReaderCancel, Reply } from '../protocol/hub-port.ts'
import type { StreamSnapshot } from '../protocol/snapshot.ts'
import type { Connection, HubCursor, Live } from './connection.ts'

export interface LogCursorOptions {
  channel: string
  /** `null` follows the newest stream of the channel. */
  streamId: string | null
  from: number | 'live'
  tail?: number
  /** False: only snapshots. */
  chunks: boolean
  /** See {@link HubCursor.shows}. */
  shows?: () => boolean
  /** Resolves once `batch` can take something in. A batch is looked at only after that: much may have changed while it waited. */
  ready?(): Promise<void>
  /** Chunks and gaps that follow what came before; the cursor goes on once this resolves. */
  batch(batch: Batch): void | Promise<void>
  /** Another stream from here on, or none (`null`), or the same one cut back: what was shown no longer holds. */
  reset(snapshot: StreamSnapshot | null): void
  /** News of the stream that may be shown together with all that came before. */
  snapshot(snapshot: StreamSnapshot): void
  failed(error: HeadwaterError): void
}

/** The page's end of a cursor: knows the next seq, and takes nothing else (hand-over rules 9 and 10). Outlives hubs. */
export class LogCursor implements HubCursor {
  readonly #connection: Connection
  readonly #options: LogCursorOptions
  readonly #id: number
  readonly shows: LogCursorOptions['shows']
  /** What this is a place in, once that is known. Another stream may have its id after it was deleted, but is younger. */
  #stream: Pick<StreamSnapshot, 'streamId' | 'createdAt'> | null = null
  #next: number | 'live'
  /** Raised whenever the place is set from outside: what was delivered before says nothing about the new one. */
  #turn = 0
  /** Resolves once the hub said where the present attachment stands: batches may overtake that answer. */
  #attached: Promise<void> = Promise.resolve()
  /** One batch at a time: a reader may still hold one of a hub that died, when the next hub delivers what follows. */
  #applied: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(connection: Connection, options: LogCursorOptions) {
    this.#connection = connection
    this.#options = options
    this.shows = options.shows
    this.#next = options.from
    this.#id = connection.add(this)
  }

  /** The next seq that this cursor wants. */
  get next(): number {
    return this.#next === 'live' ? 1 : this.#next
  }

  /** Attaches to this life of the hub, from wherever the last one left. */
  attach(live: Live): Promise<void> {
    this.#turn += 1
    this.#attached = this.#attach(live)
    return this.#attached
  }

  async #attach(live: Live): Promise<void> {
    const { channel, streamId, chunks, tail } = this.#options
    try {
      const reply = await orAborted<Reply<Attached>>(
        live.hub.attach({
          cursorId: this.#id,
          channel,
          streamId,
          from: this.#next,
          chunks,
          ...(streamId === null && this.#stream && { of: this.#stream.streamId }),
          // A tail is counted once; after that this cursor has a place.
          ...(tail !== undefined && this.#next === 'live' && { tail }),
        }),
        live.lost,
      )
      if (this.#closed) return
      if (!reply.ok) return this.#options.failed(HeadwaterError.from(reply.error))
      const { snapshot, fromSeq } = reply.value
      const another = snapshot?.createdAt !== this.#stream?.createdAt
      // Deleted, and started again under its id, while no hub was there to say so.
      const replaced = another && this.#stream !== null
      if (replaced && streamId !== null) return this.#lose()
      // Cut back: the log has less than this view showed, because nothing durable stood behind it.
      const rewound = replaced || fromSeq < this.next
      this.#next = fromSeq
      this.#stream = snapshot
      if (another || rewound || snapshot === null) this.#options.reset(snapshot)
      if (rewound && fromSeq > 1) {
        this.#next = 1
        return this.#attach(live)
      }
      if (snapshot) this.#options.snapshot(snapshot)
    } catch {
      // The hub is gone: the connection attaches this cursor to the next one.
    }
  }

  /** Takes a batch if it is the next one, and answers with the seq wanted now. */
  deliver(batch: Batch): Promise<number> {
    const turn = this.#turn
    const answer = this.#applied.then(() => this.#apply(batch, turn))
    this.#applied = answer.catch(() => undefined)
    return answer
  }

  async #apply(batch: Batch, turn: number): Promise<number> {
    // News alone waits for nothing.
    if (batch.toSeq > batch.fromSeq) await this.#options.ready?.()
    await this.#attached
    // A view that was replaced by another one must not hear of what comes late; nor may one that is elsewhere by now.
    if (this.#closed || turn !== this.#turn) return this.next
    const { streamId, createdAt } = batch
    if (batch.rewind || createdAt !== this.#stream?.createdAt) {
      // A newer stream of the channel starts at its first chunk, and so does one that is cut back; anything else is late.
      if ((this.#options.streamId ?? streamId) !== streamId || batch.fromSeq !== 1) return this.next
      this.#stream = { streamId, createdAt }
      this.#next = 1
      this.#options.reset(batch.snapshot ?? batch.opening ?? null)
    }
    // Rule 10: checked always, also where the port is believed to be closed. A dropped batch takes its status along (rule 9).
    if (batch.fromSeq !== this.#next) return this.next
    this.#next = batch.toSeq
    if (batch.toSeq > batch.fromSeq) await this.#options.batch(batch)
    if (batch.snapshot && createdAt === this.#stream?.createdAt) this.#options.snapshot(batch.snapshot)
    return batch.toSeq
  }

  rewind(): void {
    if (this.#next !== 'live') this.expect(null)
  }

  /** The stream was deleted, and not the one that has its id by now. */
  async gone(streamId: string, createdAt = this.#stream?.createdAt): Promise<void> {
    await this.#attached
    if (!this.#closed && streamId === this.#stream?.streamId && createdAt === this.#stream.createdAt) this.#lose()
  }

  #lose(): void {
    this.expect(null)
    this.#options.reset(null)
    const { streamId, failed } = this.#options
    if (streamId !== null) failed(new HeadwaterError('unknown-stream', 'The stream was deleted.', streamId))
  }

  /** This stream is known to come next, from its start (`null`: whichever the hub says): what is still under way is late. */
  expect(snapshot: StreamSnapshot | null): void {
    this.#turn += 1
    this.#stream = snapshot
    this.#next = 1
  }

  failed(error: HeadwaterError): void {
    if (!this.#closed) this.#options.failed(error)
  }

  /** @param cancel it was cancelled, not merely closed */
  close(cancel?: ReaderCancel): void {
    this.#closed = true
    this.#connection.remove(this.#id, cancel)
  }
}
