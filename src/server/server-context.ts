import type { NewestRuns } from './channels/newest-runs.ts'
import type { SharedRuns } from './channels/shared-runs.ts'
import type { Figures } from './figures.ts'
import type { Shutdown } from './lifetime.ts'
import type { LiveStreams } from './live/live-streams.ts'
import type { LiveReaders } from './live-readers.ts'
import type { PageCache } from './page-cache.ts'
import type { PlainRequest } from './plain-request.ts'
import type { Place, StreamInfo, StreamName, StreamStore } from './stream-store.ts'

export type Action = 'create' | 'read' | 'append' | 'cancel' | 'delete'

/** What a request wants to do, and to what. */
export interface AccessRequest {
  action: Action
  /** `<channel>/<run>`, `<channel>`, or empty for the list of all; percent-encoded as in an address. */
  stream: string
}

/** Says whether a request may go on. `false` or an exception means no. */
export type Authorize = (request: Request, access: AccessRequest) => boolean | void | Promise<boolean | void>

/** A stretch of a stream, as a reader is handed it. */
export interface HandedPage {
  readonly info: StreamInfo
  readonly from: Place
  readonly next: Place
}

/** What all routes share. */
export interface ServerContext {
  readonly store: StreamStore
  readonly readers: LiveReaders
  readonly live: LiveStreams
  readonly newest: NewestRuns
  readonly sharedRuns: SharedRuns
  readonly pages: PageCache
  readonly counters: Figures
  readonly authorize: (request: PlainRequest, action: Action, stream: StreamName | string) => Promise<void>
  readonly longPollMs: number
  readonly heartbeatMs: number
  readonly maxAppendBytes: number
  readonly maxEventBytes: number
  /** `Infinity`: any number. */
  readonly maxStreamBytes: number
  readonly maxStreams: number
  /** Called with each page that a reader is handed; `waited`: it was up to date and waiting for news. */
  readonly onPage: (page: HandedPage, waited: boolean) => void
  readonly now: () => number
  /** Begins when the server closes: live readers end. */
  readonly shutdown: Shutdown
}
