import type { Chunk, Gap } from '../protocol/chunk.ts'
import type { CredentialsRequest, Forget, StorageUse, Tier } from '../protocol/hub-port.ts'
import type { StreamInfo } from '../protocol/snapshot.ts'
import type { Retention, Source } from '../protocol/source.ts'
import type { State } from '../protocol/state.ts'

/** What a hub says of itself once this page is connected. */
export interface HubInfo {
  tier: Tier
  /**
   * Whether what is shown is also stored: false in private windows without storage, and while the disk is full. It may change at any time: `hub.info`
   * has the latest word, and whoever listens by `hub.watch` is called.
   */
  durable: boolean
  /** Names this life of the hub; another one means that the hub was replaced. */
  bootId: string
  protocol: number
}

/** Where the hub of a page may run. */
export type PageTier = Exclude<Tier, 'service-worker'>

export interface ConnectOptions {
  /** Makes the hub's worker, for applications that build the worker script themselves. `generation` must be part of its name. */
  worker?: (generation: number) => SharedWorker
  /**
   * Where the hub runs. Default: chosen once, from what the browser can do and is known to do wrong. To force it is for tests, and for who knows
   * the browser better; tabs of one origin should agree. `hub.ready` says which it is.
   */
  tier?: PageTier
  /** Headers for a request (credentials). Asked on demand, never stored. */
  headers?: (request: CredentialsRequest) => HeadersInit | null | Promise<HeadersInit | null>
  /**
   * Path of this origin that the application's service worker answers: the hub POSTs it `{streamId, channel, ending}` as JSON when a stream ends by itself
   * (not when it was cancelled), so that the service worker can show a notification. Default: nobody is told.
   */
  notify?: string
  /** Closes the hub of this page. */
  signal?: AbortSignal
}

export interface ChannelOptions {
  format?: Source['format']
  dialect?: Source['dialect']
  retries?: number
  /** How much of the channel this browser keeps. Default `'keep'`: everything, until a person deletes it. */
  retention?: Retention
}

export interface SendOptions {
  /** The stream's id. Default: a new random one. */
  id?: string
  /** Stored in the transaction that creates the stream; what structured clone takes, up to 64 kB as JSON. */
  meta?: unknown
  /**
   * `'queue'`: where the server cannot be reached, the stream waits as `queued` and is sent once when it can be, also after a reload; after what was
   * queued in the channel before it, which it does not cancel. Default: it fails as any lost connection.
   */
  whenOffline?: 'queue'
}

export interface ReadOptions {
  /** Default: the newest stream of the channel, waiting for one where there is none. */
  streamId?: string
  /** Default `'start'`. */
  from?: 'start' | 'live' | number
  /** Only the last n chunks and what follows. */
  tail?: number
  /** Called for missing chunks; without it a gap ends the iteration with a `gap` error. */
  onGap?: (gap: Gap) => void
  signal?: AbortSignal
}

/** A cursor of one's own on a stream. Never drops a chunk; a reader that does not pull holds only its place. */
export interface Reader extends AsyncIterable<Chunk> {
  /** The same chunks as a Web stream. Use this or the iteration, not both. */
  readonly readable: ReadableStream<Chunk>
  /** The last seq handed out; 0 before the first. */
  readonly lastSeq: number
  /** Lets go of the stream, which goes on. */
  cancel(reason?: unknown): Promise<void>
}

/** One name that tabs share. Its fields are those of {@link State}, of the newest stream. */
export interface Channel extends Readonly<State> {
  readonly name: string
  /** The state now: the same object until something changes. */
  readonly state: State
  /** Called after each change, at most once per frame of the hub's deliveries. Answers with the way to stop it. */
  subscribe(listener: () => void, options?: { signal?: AbortSignal }): () => void
  /** A new run; what was live is cancelled first. Resolves with the stream's id once its row is stored. */
  send(source: Source | string, options?: SendOptions): Promise<string>
  /** Joins the newest stream of the same source, live or done; starts one only if there is none. */
  open(source: Source | string, options?: SendOptions): Promise<string>
  read(options?: ReadOptions): Reader
  stop(): Promise<void>
  resume(): Promise<void>
  cancel(reason?: string): Promise<void>
  retry(): Promise<string>
  /** Earlier and present streams of the channel, oldest first. */
  history(): Promise<readonly StreamInfo[]>
  /** One stream of the channel's history as a state of its own, live or not; follows that stream only. */
  stream(streamId: string): StreamView
  /** This page lets go of the channel; its stream goes on. */
  close(): void
}

/** One stream as a view: what {@link Channel} is for the newest. */
export interface StreamView {
  readonly state: State
  subscribe(listener: () => void, options?: { signal?: AbortSignal }): () => void
  stop(): Promise<void>
  resume(): Promise<void>
  cancel(reason?: string): Promise<void>
  close(): void
}

/** The hub as this page sees it. */
export interface Hub {
  /** Resolves once connected. Rejects with `worker-failed`, `incompatible`, `reload-needed` or `closed`. */
  readonly ready: Promise<HubInfo>
  /** The latest word: `null` while no hub is connected. */
  readonly info: HubInfo | null
  channel(name: string, options?: ChannelOptions): Channel
  streams(): Promise<readonly StreamInfo[]>
  /** Called with all streams now and after each change. Answers with the way to stop it. */
  watch(listener: (streams: readonly StreamInfo[]) => void, options?: { signal?: AbortSignal }): () => void
  /** How much is stored, how much may be, and whether everything that is shown is. */
  storage(): Promise<StorageUse>
  /** Asks the browser to keep this origin's storage. */
  persist(): Promise<boolean>
  /** Deletes a stream, or a channel with all its streams, here and in every hub; also a live one. What is not there is forgotten. */
  forget(what: Forget): Promise<void>
  /** Deletes everything (a logout). */
  clear(): Promise<void>
  /** This page leaves; streams go on. */
  close(): void
}
