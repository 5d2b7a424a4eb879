export { createStreamHandler } from './handler.ts'
export type { StreamHandler, StreamHandlerOptions } from './handler.ts'
export type { ModelInfo, ModelSettings, OfferedModel } from './models/model-info.ts'
export type { InboundReader, ReadOf } from './producers/inbound-reader.ts'
export type { InboundOptions, ServerChannel, ServerStartOptions } from './producers/server-channel.ts'
export type { ChunkOf, ServerSink } from './producers/server-sink.ts'
export type { AccessRequest, Action, Authorize } from './server-context.ts'
export type { OpenSocket, SocketReceiver } from './socket/open-socket.ts'
export type { SocketOptions } from './socket/socket-options.ts'
export { MemoryStreamStore } from './stores/memory.ts'
export type { MemoryStoreOptions } from './stores/memory.ts'
export type {
  Accepted,
  AppendRequest,
  AppendResult,
  ChannelSummary,
  CreateRequest,
  CreateResult,
  ForkRequest,
  Place,
  ProducerTag,
  ReadResult,
  StreamChange,
  StreamInfo,
  StreamName,
  StreamStore,
} from './stream-store.ts'
