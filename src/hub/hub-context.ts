import type { Locks } from '../liveness/locks.ts'
import type { PlacedEvent } from '../protocol/produce.ts'
import type { Journal } from '../store/journal.ts'
import type { LogStore, StreamRow } from '../store/log-store.ts'
import type { AppendAnswer, AppendRequest } from '../upstream/append-upstream.ts'
import type { ConnectUpstream } from '../upstream/upstream.ts'
import type { Clock } from './clock.ts'
import type { ConnectionPool } from './connection-pool.ts'
import type { Outbox } from './outbox.ts'
import type { SecretHeaders } from './secrets.ts'

export type { Clock }

/** A stream's row moved. A hint (hand-over rule 11). */
export interface MovedMessage {
  streamId: string
  channel: string
}

/** What hubs say to each other. */
export type HubMessage = MovedMessage | RemovedMessage | { published: PlacedEvent }

/** A stream that another one waits for. */
export interface EarlierStream {
  /** Resolves once its row is as wanted; rejects where it was deleted, or its hub goes. */
  until(wanted: (row: StreamRow) => boolean): Promise<StreamRow>
}

/** Streams were deleted: one, a channel's, or all. Whoever holds some of them in memory lets them go. */
export interface RemovedMessage {
  removed: {
    streamId?: string
    channel?: string
    /** Milliseconds since the epoch: what was created later is not meant. */
    before: number
  }
}

/** What a session needs of its hub: the one door to everything outside. */
export interface HubContext {
  readonly store: LogStore
  readonly journal: Journal
  readonly locks: Locks
  readonly pool: ConnectionPool
  readonly outbox: Outbox
  readonly clock: Clock
  readonly connect: ConnectUpstream
  /** Whether a row's stream goes over a shared socket now, and so takes none of the {@link pool}'s connections. */
  isShared(row: StreamRow): boolean
  /** Tells a producer that its stream is cancelled. Resolves once told; rejects with `network` or `http`. */
  cancelUpstream(row: StreamRow, signal: AbortSignal): Promise<void>
  /** Makes one request of an upload, with the headers that its row needs. */
  append(row: StreamRow, request: AppendRequest, signal: AbortSignal): Promise<AppendAnswer>
  /** Between 0 and 1. */
  random(): number
  /** When this hub started, in milliseconds since the epoch. */
  readonly startedAt: number
  /** Gives the verb `cancel` on this hub's own account. */
  cancel(streamId: string, reason: string | undefined): Promise<void>
  /** Tells other hubs, and this one's watchers. */
  moved(message: MovedMessage): void
  /** A stream came to its end by itself: the application may want to say so to a person who does not look. */
  ended(row: StreamRow): void
  /** Headers that are not stored, from this hub's memory or a live tab; `null` where no tab can give them now. */
  headersFor(row: StreamRow): Promise<SecretHeaders | null>
  /** The first stream of the row's channel that holds it up in the outbox, or `null`. */
  earlierQueued(row: StreamRow): Promise<EarlierStream | null>
  /** Whether somebody needs the stream here, a tab or an errand: only then a hub queues for its lock, and probes. */
  isNeeded(streamId: string): boolean
  online(): boolean
  /**
   * Resolves with true once the stream's owner is found to be stuck (hand-over rule 14), with false when the signal aborts. Uploads are asked for by the
   * name of their lock.
   */
  whenOwnerStuck(this: void, streamId: string, signal: AbortSignal): Promise<boolean>
}
