import type { Writers } from '../producers/writers.ts'
import type { ServerContext } from '../server-context.ts'
import type { ChannelRuns } from './channel-runs.ts'
import type { Presence } from './presence.ts'
import type { SharedStreams } from './shared-streams.ts'
import type { SocketLimits } from './socket-options.ts'

/** What all sockets of a server share. */
export interface SocketServices {
  readonly context: ServerContext
  readonly writers: Writers
  readonly limits: SocketLimits
  readonly streams: SharedStreams
  readonly channels: ChannelRuns
  readonly presence: Presence
  readonly onError: (error: unknown) => void
}
