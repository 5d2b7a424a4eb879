import type { Ending, Gap } from './chunk.ts'
import type { ErrorValue } from './errors.ts'
import type { Status, UploadProgress, WaitingFor } from './state.ts'

/** What a hub knows of one stream, out of one read of its row: status and committed seq belong together (hand-over rule 9). */
export interface StreamSnapshot {
  streamId: string
  channel: string
  /** Rises with each change of the row: the later of two snapshots of a stream is the one with the greater version. */
  version: number
  epoch: number
  /** The last committed seq. */
  seq: number
  /** The first seq that is still kept: 1, or more once retention has pruned. */
  firstSeq: number
  status: Status
  waitingFor?: WaitingFor
  ending: Ending | null
  failure: ErrorValue | null
  /** What was said with a cancel, if anything. */
  reason?: string
  /** A tab that shows it keeps its connection, hidden or not: without one the stream would wait, or be cancelled as unwatched. */
  needsTab?: true
  canResume: boolean
  canRetry: boolean
  gaps: readonly Gap[]
  /** Of a stream that a page writes and that goes to a server as well. */
  upload?: UploadProgress
  meta?: unknown
  /** Name of the dialect, once known. */
  dialect: string | null
  /** Content type of the upstream, once known. */
  contentType: string | null
  /** Address of the source, for people and for `open`. */
  url: string | null
  /** Size of the data in the log: UTF-16 units of texts plus bytes. */
  size: number
  /** Milliseconds since the epoch. */
  createdAt: number
  updatedAt: number
}

/** One entry of `hub.streams()`. */
export interface StreamInfo extends StreamSnapshot {
  /** Cursors of this hub on the stream. */
  readers: number
  /** Whether this hub owns the stream, another one, or none (a stream that does not move). */
  owner: 'this' | 'other' | 'none'
}
