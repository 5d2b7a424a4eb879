import type { Ending } from './chunk.ts'
import type { ErrorValue } from './errors.ts'
import type { PackedChunks } from './packed-chunks.ts'
import type { Status, UploadProgress } from './state.ts'

/** Most chunks of one {@link Produce}, and most units of data (UTF-16 units or bytes), unless it is a single chunk: as large as a batch to a tab. */
export const MAX_PRODUCED_CHUNKS = 5_000
export const MAX_PRODUCED_SIZE = 512 * 1024
/** The largest single chunk that a page may write, in UTF-16 units or bytes; the limit of upstreams too. */
export const MAX_WRITE = 16 * 1024 * 1024
/** The largest `data` of a published event, in characters of its JSON: it is sent to every tab, and kept by none. */
export const MAX_EVENT = 64 * 1024

/**
 * Chunks of a page that produces. They are numbered by the page: whatever the log already has of them is passed over, so that a call that is
 * sent again after a hub's death appends once.
 */
export interface Produce {
  streamId: string
  /** As in the start; another producer's chunks are refused. */
  producer: string
  /** Seq of the first chunk, or of the one that would follow where there is none. */
  fromSeq: number
  /** In order, without a hole. Their times are the hub's. */
  packs: readonly PackedChunks[]
  /** The stream ends after these chunks. */
  ending?: Pick<Ending, 'kind'>
  /** For people, with an `ending` of kind `error`. */
  message?: string
}

/** What became of it. Chunks before `next` are committed. Where the stream was stopped or has ended, none were taken, and the rest says so. */
export interface Produced {
  next: number
  /** Of the row: tells an older answer from a newer one. */
  version: number
  status: Status
  ending: Ending | null
  /** Why it ended, where it failed. */
  failure?: ErrorValue | null
  /** What was said with a cancel. */
  reason?: string
  upload?: UploadProgress
}

/** Where an event stands: after this seq of this stream, which was the channel's newest. */
export interface EventPlace {
  streamId: string
  seq: number
  /** When the stream was created: tells an older stream from a newer one. */
  createdAt: number
}

/** A named event of a channel, not stored. Sent again with the same `eventId` after a hub died; every tab hears it once. */
export interface PublishedEvent {
  eventId: string
  channel: string
  event: string
  /** JSON of the data: what a page sends is what every hub and tab can read. */
  data: string | null
}

/** An event on its way to the tabs. `null` where the channel had no stream. */
export interface PlacedEvent extends PublishedEvent {
  place: EventPlace | null
}
