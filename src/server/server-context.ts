import type { Shutdown } from './lifetime.ts'
import type { LiveStreams } from './live/live-streams.ts'
import type { LiveReaders } from './live-readers.ts'
import type { PageCache } from './page-cache.ts'
import type { StreamName, StreamStore } from './stream-store.ts'

export type Action = 'create' | 'read' | 'append' | 'cancel' | 'delete'

/** What a request wants to do, and to what. */
export interface AccessRequest {
  action: Action
  /** `<channel>/<run>`, `<channel>`, or empty for the list of all; percent-encoded as in an address. */
  stream: string
}

/** Says whether a request may go on. `false` or an exception means no. */
export type Authorize = (request: Request, access: AccessRequest) => boolean | void | Promise<boolean | void>

/** Figures that only rise. */
export interface Counters {
  requests: number
  appends: number
  appendedBytes: number
}

/** What all routes share. */
export interface ServerContext {
  readonly store: StreamStore
  readonly readers: LiveReaders
  readonly live: LiveStreams
  readonly pages: PageCache
  readonly counters: Counters
  readonly authorize: (request: Request, action: Action, stream: StreamName | string) => Promise<void>
  readonly longPollMs: number
  readonly heartbeatMs: number
  readonly maxAppendBytes: number
  readonly now: () => number
  /** Begins when the server closes: live readers end. */
  readonly shutdown: Shutdown
}
