import type { Ending } from '../protocol/chunk.ts'

/** A stream's name on the server: decoded, checked. `channel` is empty for a stream outside of any channel. */
export interface StreamName {
  readonly channel: string
  readonly run: string
}

/**
 * A place between two records: how many records and bytes lie before it. A record is what one append wrote, or in JSON mode one message.
 */
export interface Place {
  readonly record: number
  readonly byte: number
}

/** What a store tells about a stream. */
export interface StreamInfo {
  readonly name: StreamName
  /** Rises with creation; never used again, also when a stream is deleted and created anew. */
  readonly id: number
  /** As its creator wrote it. */
  readonly contentType: string
  readonly tail: Place
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly updatedAt: number
  /** `null` as long as the stream is open. */
  readonly ending: Ending | null
  /** Sliding: renewed by reads and writes. */
  readonly ttlSeconds: number | null
  /** Fixed, milliseconds since the epoch. */
  readonly expiresAt: number | null
  /** The process of the server that writes the stream; `null` where its producers come over HTTP. */
  readonly writer: string | null
  /** How long the stream waits for its producer, and when that was heard last, in milliseconds since the epoch; `null` where it waits for ever. */
  readonly lease: { readonly seconds: number; readonly at: number } | null
  /** A run of a model: its messages are chunks of the AI SDK's UI message stream. */
  readonly chat: boolean
}

/** Where a stream that shares a prefix begins. `place: null` is the source's tail. */
export interface ForkRequest {
  readonly from: StreamName
  readonly place: Place | null
  /** Units after `place`: messages in JSON mode, else bytes of the record that begins there. */
  readonly sub: number
}

export interface CreateRequest {
  readonly contentType: string
  readonly ttlSeconds?: number | null
  readonly expiresAt?: number | null
  readonly records?: readonly Uint8Array[]
  readonly ending?: Ending | null
  readonly fork?: ForkRequest | null
  readonly writer?: string | null
  readonly leaseSeconds?: number | null
  /** {@link StreamInfo.chat}; only with a writer. Default: false. */
  readonly chat?: boolean
}

export type CreateResult =
  | { readonly kind: 'created'; readonly info: StreamInfo }
  | { readonly kind: 'exists'; readonly info: StreamInfo }
  /** A stream of this name with another configuration; `info` is `null` where it is deleted but still serves its forks. */
  | { readonly kind: 'conflict'; readonly info: StreamInfo | null }
  | { readonly kind: 'fork-missing' | 'fork-gone' | 'fork-type' | 'fork-place' }

/** Identity and count of a producer's request (Durable Streams 5.2.1). */
export interface ProducerTag {
  readonly id: string
  readonly epoch: number
  readonly seq: number
}

export interface AppendRequest {
  /** `null` where nothing is appended. */
  readonly contentType: string | null
  readonly records: readonly Uint8Array[]
  readonly producer?: ProducerTag | null
  /** `Stream-Seq`: must rise, compared byte by byte. Scoped to the stream. */
  readonly streamSeq?: string | null
  /** Must be the stream's own writer; `null` for producers over HTTP. */
  readonly writer?: string | null
  /** Closes the stream with this ending, after the records, in the same transaction. */
  readonly ending?: Ending | null
  /** Most bytes that the stream may have after it. Default: any number. */
  readonly maxBytes?: number
}

/** What an accepted append leaves behind. */
export interface Accepted {
  readonly info: StreamInfo
  /** With a producer: the highest seq accepted. */
  readonly producer: { readonly epoch: number; readonly seq: number } | null
}

export type AppendResult =
  | ({ readonly kind: 'appended' } & Accepted)
  | ({ readonly kind: 'duplicate' } & Accepted)
  | { readonly kind: 'missing' | 'gone' }
  | { readonly kind: 'closed'; readonly info: StreamInfo }
  /** The stream is written by the server itself, or by another process of it. */
  | { readonly kind: 'not-yours' }
  | { readonly kind: 'wrong-type'; readonly info: StreamInfo }
  /** It would be larger than `maxBytes`. */
  | { readonly kind: 'full'; readonly info: StreamInfo }
  | { readonly kind: 'stale-epoch'; readonly epoch: number }
  | { readonly kind: 'bad-epoch-start' }
  | { readonly kind: 'seq-gap'; readonly expected: number; readonly received: number }
  | { readonly kind: 'stream-seq'; readonly last: string }

export type ReadResult =
  | { readonly kind: 'missing' | 'gone' }
  /** The place is not one of this stream. */
  | { readonly kind: 'bad-place'; readonly info: StreamInfo }
  | {
      readonly kind: 'page'
      /** Of the same moment as the records: an ending seen here is the ending after `info.tail`. */
      readonly info: StreamInfo
      readonly records: readonly Uint8Array[]
      readonly from: Place
      readonly next: Place
    }

export interface ChannelSummary {
  readonly channel: string
  readonly newest: StreamInfo
  readonly runs: number
}

export interface StreamChange {
  readonly kind: 'created' | 'grown' | 'ended' | 'removed'
  readonly name: StreamName
}

/**
 * Where the server keeps streams. Every implementation meets this contract, and one test runs over all of them.
 *
 * - A stream is an append-only log of records. What is at a place never changes.
 * - `create`, `append` and `remove` are atomic: records, producer's state, `Stream-Seq` and ending are kept together or not at all,
 *   and appends to one stream are applied one after the other.
 * - A promise that resolved is a promise kept: in a durable store, what was acknowledged is there after the process was killed.
 * - An ending is final. Appending to an ended stream changes nothing and answers `closed`, or `duplicate` where the very request is known.
 * - A read is a snapshot: records, tail and ending are of one moment.
 * - Listeners are called after the commit, never before, in order of commits. They are hints: whoever listens subscribes first, and then reads.
 * - A deleted stream that has forks is kept for them: its name answers `gone` and stays taken until the last fork is deleted.
 * - An expired stream answers `missing` from the moment of expiry, whether it was swept or not.
 */
export interface StreamStore {
  create(name: StreamName, request: CreateRequest): Promise<CreateResult>
  append(name: StreamName, request: AppendRequest): Promise<AppendResult>
  /** Records from `from`, about `maxBytes` of them, at least one where there is one. Renews a sliding expiry. */
  read(name: StreamName, from: Place | 'start' | 'tail', maxBytes: number): Promise<ReadResult>
  info(name: StreamName): Promise<StreamInfo | 'missing' | 'gone'>
  remove(name: StreamName): Promise<'removed' | 'missing' | 'gone'>
  /** Whether a stream of this name, written by the server itself, was here and was deleted or expired within the last week. */
  wasRun(name: StreamName): Promise<boolean>
  /** All channels, that of the newest run first. */
  channels(): Promise<readonly ChannelSummary[]>
  /** The runs of a channel, newest first. */
  runs(channel: string): Promise<readonly StreamInfo[]>
  /** Open streams that a process of the server writes, or wrote, and those with a lease. */
  unfinishedRuns(): Promise<readonly StreamInfo[]>
  /** The producer of a stream was heard, as with each append: its lease begins anew. Answers with what the stream is now, also where it has ended. */
  renewLease(name: StreamName): Promise<StreamInfo | 'missing' | 'gone'>
  /** Ends a stream as `error`, `producer-lost`, if its producer was not heard since `at` and nobody else ended it. Resolves with whether it did. */
  endUnrenewed(name: StreamName, at: number): Promise<boolean>
  /**
   * Says that a writer's process lives, for `ms` milliseconds from now on: in a store that processes share, the others leave its runs alone for as long.
   */
  holdLease(writer: string, ms: number): Promise<void>
  /** Whether a writer's lease runs. `null` in a store of one process, where no other writer than its own can live. */
  hasLease(writer: string): Promise<boolean | null>
  /** Deletes what expired. Returns how many streams that were. */
  sweep(): Promise<number>
  /** Called when `name` grew, ended or was removed; with `null` where any of that may have been missed. Returns the way to stop it. */
  watch(name: StreamName, listener: (change: StreamChange | null) => void): () => void
  /** Called for every stream; once, with `null`, where changes of any may have been missed. */
  watchAll(listener: (change: StreamChange | null) => void): () => void
  /** How many streams there are, with those that expired and are not yet swept. Cheap. */
  count(): Promise<number>
  /** After it, every call rejects. */
  close(): Promise<void>
}

/** The media type without parameters, in lower case: what decides whether two content types are the same. */
export function mediaType(contentType: string): string {
  return (contentType.split(';', 1)[0] ?? '').trim().toLowerCase()
}

/** Whether streams of this content type keep message boundaries. */
export function isJson(contentType: string): boolean {
  return mediaType(contentType) === 'application/json'
}
