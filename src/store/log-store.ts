import type { Ending, Gap } from '../protocol/chunk.ts'
import type { ErrorValue } from '../protocol/errors.ts'
import type { VerbKind } from '../protocol/hub-port.ts'
import type { PackedChunks } from '../protocol/packed-chunks.ts'
import type { Position } from '../protocol/position.ts'
import type { Retention, StoredSource } from '../protocol/source.ts'
import type { Status, WaitingFor } from '../protocol/state.ts'
import type { UploadTarget } from '../protocol/upload.ts'
import type { Verdict } from '../protocol/verdict.ts'

/** A verb that waits for the owner (hand-over rule 12). */
export interface Intent {
  kind: VerbKind
  reason?: string
}

/** How far the upload of a stream that a page writes has got. */
export interface Upload extends UploadTarget {
  /** Rises each time another hub takes over; a writer with an older one is refused. */
  epoch: number
  /** The server's stream was created, and says whether it keeps leases. */
  created: boolean
  leased: boolean
  /** The last seq that the server has acknowledged, and the units of data up to it. */
  seq: number
  size: number
  /** The producer's count on the server, of the request that comes next or is under way. */
  request: number
  /** What may have been sent: the chunks after `seq` up to this one, and the ending where it closes the stream. Sent again as it was. */
  sending: { toSeq: number; closes: boolean } | null
  /** The first half of a character, from the end of the batch before. */
  carry: string
  /** The server has everything, or nothing more can be sent (`failure`). */
  over: boolean
  waitingFor?: WaitingFor
  failure: ErrorValue | null
}

/** Everything that is kept about a stream, apart from its chunks. Plain data. Secrets never get here. */
export interface StreamRow {
  streamId: string
  channel: string
  /** `null` where a page produces the stream. */
  source: StoredSource | null
  /** The page that produces the stream, by a name that it uses for this one stream; it holds the stream's lock. Absent where an upstream is fetched. */
  producer?: string
  /** Where the page wants it to go as well. Absent where it stays in the browser. */
  upload?: Upload
  meta?: unknown
  /** What its channel keeps, as the newest stream of the channel says it; `'keep'` where absent. */
  retention?: Retention
  /** Milliseconds after which the stream is cancelled when nobody reads it; it goes on where absent. */
  unwatched?: number
  /** Rises with every change of the row. */
  version: number
  /** Rises each time ownership changes hands; a writer with an older one is refused. */
  epoch: number
  /** The committed seq. */
  seq: number
  firstSeq: number
  /** Where upstream goes on after `seq`. */
  position: Position
  status: Status
  waitingFor?: WaitingFor
  /**
   * Sent with `whenOffline: 'queue'`: `'direct'` while nothing stood in its way, `'queued'` once it had to wait for the network or for a stream
   * before it. The next one of the channel waits for it then, instead of taking its place.
   */
  outbox?: 'direct' | 'queued'
  /** A non-idempotent request may have been sent: never again (hand-over rule 8). */
  sent: boolean
  resumeUrl: string | null
  cancelUrl: string | null
  /** Whether upstream can be continued from `position`. */
  resumable: boolean
  intent: Intent | null
  /** The last verbs applied, so that one that is sent again is applied once (hand-over rule 13). */
  verbIds: readonly string[]
  verdict: Verdict | null
  ending: Ending | null
  /** What was said with a cancel, if anything. */
  reason?: string
  failure: ErrorValue | null
  gaps: readonly Gap[]
  dialect: string | null
  contentType: string | null
  /** Copied from the database of an older format, where the original is: whole, or as far as `seq`. Absent where the stream began here. */
  copied?: 'whole' | 'partly'
  /** Size of the data in the log: UTF-16 units of texts plus bytes. */
  size: number
  /** Milliseconds since the epoch. */
  createdAt: number
  updatedAt: number
}

/**
 * One change of one stream, decided inside the transaction: `decide` sees the row as it is then (undefined where there is none) and returns
 * the row that shall be, with the packs that follow it, or `null` to leave everything as it is. It must be synchronous and pure: a store
 * may call it again. Its packs must continue the log exactly: the first starts at the old row's `seq + 1` and the last ends at the new row's
 * `seq` (a store refuses the transaction otherwise: that would be a hole).
 */
export interface RowChange {
  streamId: string
  /**
   * A wish of whoever need not own the stream (a verb). It has to reach the medium, where the owner finds it: a store that keeps in memory what
   * its medium refuses does not keep this there.
   */
  forOwner?: boolean
  /**
   * What it says must not be unsaid by the death of a hub (that a request was sent, hand-over rule 8): where it cannot be stored, nothing that says
   * otherwise may stay stored. So a store that keeps in memory what its medium refuses keeps this there only where nothing of the stream is stored, or
   * a row without chunks, which goes. Where chunks are stored they stay: the commit rejects, or the change is not applied.
   */
  binding?: boolean
  decide(row: StreamRow | undefined): { row: StreamRow; packs?: readonly PackedChunks[] } | null
}

/** What one {@link RowChange} came to, after the commit: the row as stored now, and whether this change was applied. */
export interface RowResult {
  row: StreamRow | undefined
  applied: boolean
  /**
   * Names the life of the medium that this was committed to. Another one than before means that somebody threw the medium away and it was
   * made anew: a row that is missing then was lost, not removed.
   */
  life: number
}

/** What `readLog` found, out of one transaction with its row. */
export interface LogRead {
  row: StreamRow
  /** In order, from the seq asked for. A hole between packs, or before the first, is damaged or pruned. */
  packs: PackedChunks[]
  /** The seq after what was read: the next read starts here. Holes that `packs` does not explain are gaps, up to here. */
  toSeq: number
  /** This read made the packs, and nobody else holds them. Default: the store does. */
  fresh?: true
}

/**
 * An append-only log of chunks for each stream, with a row of facts beside it.
 *
 * Contract (`test/browser/store/log-store.contract.ts` runs it over every implementation):
 * - `commit` is one transaction: all the changes or, when it rejects, none. When it resolves, what was written is visible to every hub of
 *   the origin and survives the death of any worker or tab (`durable`), or of none (`!durable`).
 * - Changes in one `commit` are decided in order; a later one sees what an earlier one of the same stream made.
 * - Chunks, position and epoch change together or not at all (I7). Committed chunks never change.
 * - `openChannel` is one transaction on all rows of a channel: of two calls at once the second sees what the first made (I1).
 * - Reads see one committed state, never half a transaction; row and chunks of a `readLog` belong together (hand-over rule 9).
 * - A record that cannot be read is reported as a hole, and hurts no other record.
 * - `remove` wins against a writer that is about to commit: `decide` then sees `undefined`.
 * - `prune` moves a log's start and leaves the rest as it was; what came before is a hole.
 * - Where the medium goes away under it (closed, deleted, quota), it rejects with `HeadwaterError` `store`, reopens, and serves what comes next.
 */
export interface LogStore {
  readonly durable: boolean
  /** Called when the medium was taken away: closed or deleted by somebody else. What was in it may be gone. */
  onlost?: (() => void) | null
  row(streamId: string): Promise<StreamRow | undefined>
  /** All rows, or those of one channel; oldest first. */
  rows(channel?: string): Promise<StreamRow[]>
  /** The last of a channel's `rows`, without reading the others. */
  newest(channel: string): Promise<StreamRow | undefined>
  commit(changes: readonly RowChange[]): Promise<RowResult[]>
  /** `decide` sees the channel's rows, oldest first, and returns the rows that shall be written (none to change nothing). */
  openChannel(channel: string, decide: (rows: readonly StreamRow[]) => readonly StreamRow[]): Promise<void>
  /**
   * Chunks from `fromSeq`, about `maxSize` units of data (default 512 Ki) and `maxChunks` (default 5,000), but at least one pack if there is
   * one. `undefined` where there is no such stream.
   */
  readLog(
    streamId: string,
    fromSeq: number,
    limits?: { maxChunks?: number; maxSize?: number },
  ): Promise<LogRead | undefined>
  /** Packs small segments of a stream into large ones. Changes nothing that a reader can see. */
  compact(streamId: string): Promise<void>
  /**
   * Drops chunks from the start of an ended stream until its data has at most `maxSize` units, or one chunk is left; `firstSeq` rises. Any other
   * stream stays as it is. Answers with the row as it is then.
   */
  prune(streamId: string, maxSize: number): Promise<StreamRow | undefined>
  remove(streamIds: readonly string[]): Promise<void>
  clear(): Promise<void>
  close(): void
}
