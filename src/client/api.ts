import type { Chunk, Gap } from '../protocol/chunk.ts'
import type { CredentialsRequest, Forget, HistoryOptions, StorageUse, Tier } from '../protocol/hub-port.ts'
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
  /**
   * Most data of ended streams that this origin keeps, of all channels together that have a `retention`, in UTF-16 units of texts plus bytes; the
   * oldest go first. What is kept for good (`'keep'`) neither counts nor goes. Tabs should agree: the last one that connects has the word.
   * Default: 256 Mi. `hub.storage()` says what holds.
   */
  storageLimit?: number
  /** Closes the hub of this page. */
  signal?: AbortSignal
}

export interface ChannelOptions {
  format?: Source['format']
  dialect?: Source['dialect']
  retries?: number
  /** How much of the channel this browser keeps. Default `'keep'`: everything, until a person deletes it. */
  retention?: Retention
  /**
   * What becomes of a stream that nobody reads (by `read()`, or a view whose `text`, `parts` or `usage` was read), in any tab. Default
   * `'continue'`. A number: the milliseconds after which it is cancelled; a stream that was not read yet gets at least a second.
   */
  unwatched?: 'continue' | number
}

/** A server's stream that gets what a page writes. */
export interface Destination {
  /** Address of a stream of the Durable Streams protocol, absolute or relative to the page. Created where it is not there. */
  url: string | URL
  /** Sent with each request and never stored: after a hand-over a live tab is asked again. */
  headers?: HeadersInit
  /**
   * Media type of the server's stream. Default: `text/plain; charset=utf-8` or `application/octet-stream`, by the first chunk. Only with
   * `application/json`, where each chunk is one JSON text, do chunks keep their boundaries there.
   */
  contentType?: string
  /**
   * How much may be stored here that the server does not have yet, in UTF-16 units of texts plus bytes. Beyond it `write()` does not resolve. Default
   * 8 Mi.
   */
  highWaterMark?: number
  /** Seconds after which the server ends the stream as `error`, `producer-lost`, when it hears nothing of this browser. Default 300; up to a day. */
  lease?: number
}

export interface StartOptions {
  /** The stream's id. Default: a new random one. */
  id?: string
  /**
   * Where what is written goes as well: exactly once, whatever tab or worker dies, and on when the network is back. The server's stream ends as this one does.
   * Where its readers cancel it, this one is cancelled.
   */
  to?: string | URL | Destination
  /** Stored in the transaction that creates the stream; what structured clone takes, up to 64 kB as JSON. */
  meta?: unknown
}

/**
 * A stream that this page writes. It lives as long as the page: one that closes, crashes, or goes to the back-forward cache leaves its stream
 * ended as `error`, `producer-lost`, with everything that was written kept.
 */
export interface Sink {
  readonly id: string
  /**
   * Aborts when the stream can no longer be written: it was cancelled (reason: a `HeadwaterError` `cancelled`, whose `data` is what was
   * said; by the reading side of its server, too), the server refuses it (`http`), its id is live already (`live-id`) or was used (`bad-id`), it was deleted (`unknown-stream`), no hub
   * answers this page (`worker-failed`), or this page left (`producer-lost`).
   */
  readonly signal: AbortSignal
  /** The same sink as a Web stream. A write there waits for room, `close()` for everything to be stored; aborting it is `error()`. */
  readonly writable: WritableStream<string | Uint8Array>
  /**
   * Of a stream with a destination: resolves once the server has everything, the ending included; rejects where that will not be. While the hub
   * of this browser lives, it goes on without this page. Progress is the channel's `upload`. Else it resolves with the ending.
   */
  readonly uploaded: Promise<void>
  /**
   * Appends one chunk, up to 16 Mi characters or bytes (4 Mi with a destination). Resolves once it is stored, and there is room for more; what is written meanwhile is stored together, in order. A
   * stream that was stopped keeps its writes waiting until it is resumed. Need not be awaited: what goes wrong aborts `signal`.
   */
  write(data: string | Uint8Array, options?: { event?: string }): Promise<void>
  /** Ends the stream as `error`, after all that was written. The reason's message is what every view shows. */
  error(reason?: unknown): Promise<void>
  /** Ends the stream as `done`, after all that was written. */
  close(): Promise<void>
}

/** An event of a channel: published by a page, or a chunk of the live stream that has a name. */
export interface ChannelEvent {
  event: string
  /** What was published, or the chunk's data. */
  data: unknown
  /** The stream that was the channel's newest, and its last seq then; a chunk's own place. `null` and 0 where the channel had none. */
  streamId: string | null
  seq: number
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
  /** Lets go of the stream. It goes on, but for a page's: when its last reader in all tabs cancels, the producer's `signal` aborts with the reason. */
  cancel(reason?: unknown): Promise<void>
}

/** One name that tabs share. Its fields are those of {@link State}, of the newest stream. */
export interface Channel extends Readonly<State> {
  readonly name: string
  /** The state now: the same object until something changes. */
  readonly state: State
  /** Called after each change, at most once per frame of the hub's deliveries. Answers with the way to stop it. */
  subscribe(listener: () => void, options?: { signal?: AbortSignal }): () => void
  /**
   * A new run; what was live is cancelled first. Resolves with the stream's id once its row is stored.
   * @throws {HeadwaterError} `live-id` or `bad-id` where `options.id` is that of a stream of another source
   */
  send(source: Source | string, options?: SendOptions): Promise<string>
  /**
   * Joins the newest stream of the same source, live or done; starts one only if there is none, or that one failed with nothing received and its
   * source may be asked again (`idempotent`).
   */
  open(source: Source | string, options?: SendOptions): Promise<string>
  read(options?: ReadOptions): Reader
  stop(): Promise<void>
  resume(): Promise<void>
  cancel(reason?: string): Promise<void>
  retry(): Promise<string>
  /** A new stream that this page writes; what was live is cancelled first. At once: what is written waits for the stream to be stored. */
  start(options?: StartOptions): Sink
  /** Starts a stream and writes all of `readable` to it. Resolves once it is started; it ends as the source does. A cancel cancels the source. */
  pipeFrom(readable: ReadableStream<string | Uint8Array>, options?: StartOptions): Promise<Sink>
  /**
   * Sends a named event to every tab that listens, this one included, whether a stream is live or not. Not stored: who comes later misses it.
   * Resolves once it is on its way.
   * @param event 1 to 256 characters
   * @param data what JSON takes, up to 64 kB
   */
  publish(event: string, data?: unknown): Promise<void>
  /**
   * Listens to events of one name: published ones, and chunks of that name as they come live. Each comes once, and not before this channel's
   * state has what stood before it in the stream. Answers with the way to stop.
   */
  on(event: string, listener: (event: ChannelEvent) => void, options?: { signal?: AbortSignal }): () => void
  /**
   * Earlier and present streams of the channel, oldest first: the newest 1,000, or as `options` say. Where it answers with as many as it may, there
   * can be older ones: ask for those `before` the first.
   * @throws {HeadwaterError} `unknown-stream` where `before` is not there any more, `bad-message` for a `limit` that is none
   */
  history(options?: HistoryOptions): Promise<readonly StreamInfo[]>
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
