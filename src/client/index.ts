export { connectHub } from './connect-hub.ts'
export { HeadwaterError, type ErrorCode } from '../protocol/errors.ts'
export type {
  Channel,
  ChannelEvent,
  ChannelOptions,
  ConnectOptions,
  Destination,
  Hub,
  HubInfo,
  PageTier,
  Reader,
  ReadOptions,
  SendOptions,
  Sink,
  StartOptions,
  StreamView,
} from './api.ts'
export type { Chunk, Ending, Gap } from '../protocol/chunk.ts'
export type { Dialect, Meaning, TerminalRule } from '../protocol/dialect.ts'
export type { CredentialsRequest, Forget, HistoryOptions, StorageUse, Tier } from '../protocol/hub-port.ts'
export type { StreamInfo } from '../protocol/snapshot.ts'
export type { Retention, Source, SourceFormat } from '../protocol/source.ts'
export type { Part, State, Status, UploadProgress, Usage, WaitingFor } from '../protocol/state.ts'
