import type { Locks } from '../liveness/locks.ts'
import type { Journal } from '../store/journal.ts'
import type { LogStore, StreamRow } from '../store/log-store.ts'
import type { ConnectUpstream } from '../upstream/upstream.ts'
import type { ConnectionPool } from './connection-pool.ts'
import type { SecretHeaders } from './secrets.ts'

/** Time, so that tests can step it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Resolves after `ms`, or at once when the signal aborts; never rejects. */
  delay(ms: number, signal: AbortSignal): Promise<void>
}

/** A stream's row moved. A hint (hand-over rule 11). */
export interface MovedMessage {
  streamId: string
  channel: string
}

/** What a session needs of its hub: the one door to everything outside. */
export interface HubContext {
  readonly store: LogStore
  readonly journal: Journal
  readonly locks: Locks
  readonly pool: ConnectionPool
  readonly clock: Clock
  readonly connect: ConnectUpstream
  /** Tells a producer that its stream is cancelled. Resolves once told; rejects with `network` or `http`. */
  cancelUpstream(row: StreamRow, signal: AbortSignal): Promise<void>
  /** Between 0 and 1. */
  random(): number
  /** Tells other hubs, and this one's watchers. */
  moved(message: MovedMessage): void
  /** Headers that are not stored, from this hub's memory or a live tab; `null` where no tab can give them now. */
  headersFor(row: StreamRow): Promise<SecretHeaders | null>
  /** Only a hub with an attached tab queues for locks and probes. */
  hasTabs(): boolean
  online(): boolean
}
