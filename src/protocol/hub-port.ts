import type { Gap } from './chunk.ts'
import type { ErrorValue } from './errors.ts'
import type { PackedChunks } from './packed-chunks.ts'
import type { StreamInfo, StreamSnapshot } from './snapshot.ts'
import type { PlacedEvent, Produce, Produced, PublishedEvent } from './produce.ts'
import type { Retention, StoredSource } from './source.ts'
import type { UploadTarget } from './upload.ts'

/** Where a hub runs. */
export type Tier = 'shared-worker' | 'leader-tab' | 'page' | 'service-worker'

/** An answer as a value: Comlink would strip an error's code and data. */
export type Reply<T> = { ok: true; value: T } | { ok: false; error: ErrorValue }

/** Tab → hub, first message. */
export interface Hello {
  protocol: number
  minProtocol: number
  clientId: string
  /** Whether this tab gives headers when asked ({@link TabPort.headers}). */
  givesHeaders?: boolean
  /** Path of this origin to which the hub POSTs an `EndingNotice` when a stream ends by itself: the application's service worker answers it. */
  notify?: string
  /** What the application sets {@link StorageUse.limit} to. The last word of any tab holds. */
  storageLimit?: number
  /** This tab left a hub that did not answer it in time, while it was visible (hand-over rule 14). */
  left?: boolean
}

/** Hub → tab, the answer to {@link Hello}. */
export interface Welcome {
  protocol: number
  bootId: string
  durable: boolean
  tier: Tier
}

/** A cursor that a tab asks for. */
export interface Attach {
  /** Chosen by the tab, unique within its connection. */
  cursorId: number
  channel: string
  /** The stream, or `null` for the newest of the channel, now and whenever a newer one starts. */
  streamId: string | null
  /** The next seq wanted; `'live'` for the one after the committed seq. */
  from: number | 'live'
  /** With `streamId: null`: the stream that `from` is a place in. Where the newest is another one, the cursor starts at its first chunk. */
  of?: string | null
  /** Only the last n chunks before what is live; overrides `from`. */
  tail?: number
  /** False: only snapshots, no chunks. Default true. */
  chunks?: boolean
}

/** Where a cursor stands. A tab whose view goes further than `fromSeq` cuts it back (an explicit rewind: nothing durable stood behind it). */
export interface Attached {
  /** `null` where the channel has no stream yet. */
  snapshot: StreamSnapshot | null
  /** The next seq that the hub will deliver. */
  fromSeq: number
}

/** Hub → tab: what a cursor moved over. The tab's answer is the acknowledgement; one is in flight per cursor. */
export interface Batch {
  bootId: string
  cursorId: number
  epoch: number
  streamId: string
  /** When the stream was created: tells an older stream from a newer one, and from one that had the same id before it was deleted. */
  createdAt: number
  /** Name of the stream's dialect, which is known before its first chunk is. */
  dialect: string | null
  /** Seq of the first chunk or gap; the tab applies the batch if and only if this is its next seq (hand-over rule 10). */
  fromSeq: number
  /** The next seq after this batch. */
  toSeq: number
  /** What `packs` does not hold of the seqs from `fromSeq` to `toSeq - 1`, in order. */
  gaps: readonly Gap[]
  /** In order, without overlap. */
  packs: readonly PackedChunks[]
  /** Out of the read that gave the chunks, present only where the batch reaches that snapshot's `seq` (hand-over rule 9). */
  snapshot: StreamSnapshot | null
  /** In the first batch of a log that is longer: what `attach` would answer. A cursor that is moved to another stream was told nothing of it. */
  opening?: StreamSnapshot
  /** What the tab has of this stream no longer holds: it takes this batch, which starts at the first seq, in place of all it has. */
  rewind?: true
}

/** The tab's answer to a batch. `next` is the seq that it wants now: the hub goes on from there, also where it dropped the batch. */
export interface Ack {
  next: number
}

export type VerbKind = 'stop' | 'resume' | 'cancel'

/** A verb. Sent again with the same `verbId` after a hub died, and applied once (hand-over rule 13). */
export interface Verb {
  verbId: string
  kind: VerbKind
  streamId: string
  reason?: string
}

/** A new run of a channel. Sent again with the same `streamId` after a hub died, and started once. */
export interface StartStream {
  streamId: string
  channel: string
  /** `null` with `retryOf`: the source of that stream; `null` with `produce`: a page writes the stream. */
  source: StoredSource | null
  /** Headers that must never be stored; the hub keeps them in memory only. */
  secrets?: readonly (readonly [name: string, value: string])[]
  meta?: unknown
  /** Where the server cannot be reached: wait unsent, after what was queued in the channel before. Default: fail as any lost connection. */
  whenOffline?: 'queue'
  /** How much of the channel is kept, from this stream on. */
  retention?: Retention
  /** Milliseconds after which the stream is cancelled when nobody reads it; it goes on where absent. */
  unwatched?: number
  /** With `produce`: name of the dialect of what will be written. */
  dialect?: string
  /** With `produce`: a server that gets what is written, too. Its secret headers are `secrets`. */
  upload?: UploadTarget
  /**
   * - `'replace'` (`send`): what was live in the channel is cancelled.
   * - `'join'` (`open`): the newest stream of the same source is joined if there is one.
   * - `{retryOf}` (`retry`): a stream that started after this one is joined; so two tabs that retry start one run.
   * - `{produce}` (`start`): written by a page, which holds the stream's lock and says who it is; what was live in the channel is cancelled.
   */
  mode: 'replace' | 'join' | { retryOf: string } | { produce: string }
}

/** What `hub.forget` deletes: a stream, or a channel with all its streams. */
export type Forget = { streamId: string } | { channel: string }

/** Storage of this origin. */
export interface StorageUse {
  /** False while something that is shown is in memory only. */
  durable: boolean
  /** In bytes, as the browser counts. */
  usage: number
  quota: number
  streams: number
  /**
   * Most data that is kept of ended streams in all channels that have limits ({@link Retention}), in UTF-16 units of texts plus bytes. What is
   * kept for good (`'keep'`) is not counted, and not deleted.
   */
  limit: number
}

/** With a {@link HubPort.detach}: the reader was cancelled, and what was said with it. */
export interface ReaderCancel {
  reason?: string
}

/** Which streams of a channel are listed: the newest, or those before one of them. */
export interface HistoryOptions {
  /** Most streams, 1 to 1,000. Default: 1,000. */
  limit?: number
  /** Only streams before this one, by its id: the first of the page before. Default: from the newest on. */
  before?: string
}

/** What a tab asks of a hub. Every answer is a value; a call that never answers is raced with the hub's lock by the caller. */
export interface HubPort {
  /** Handshake steps 2 to 4. `back` is where the hub finds the tab's {@link TabPort}: a port, or the name of the tab's own BroadcastChannel. */
  hello(hello: Hello, back: MessagePort | string): Promise<Reply<Welcome>>
  attach(request: Attach): Promise<Reply<Attached>>
  /** With `cancel`, its reader was cancelled: if it was the last one of a stream that a page produces, so is the stream. */
  detach(cursorId: number, cancel?: ReaderCancel): Promise<Reply<null>>
  /** Answers with the stream that was started or joined, once its row is committed. */
  start(request: StartStream): Promise<Reply<StreamSnapshot>>
  /** Answers once the verb took effect. */
  verb(verb: Verb): Promise<Reply<StreamSnapshot>>
  /** Appends what a page produces. Answers once it is committed. */
  produce(produce: Produce): Promise<Reply<Produced>>
  /** Sends an event to every tab that listens to the channel. */
  publish(event: PublishedEvent): Promise<Reply<null>>
  /** From now on tell this tab about events of a channel ({@link TabPort.published}), or no longer. */
  listen(channel: string, on: boolean): Promise<Reply<null>>
  /** All streams, or a page of those of one channel; oldest first. */
  streams(channel?: string, page?: HistoryOptions): Promise<Reply<StreamInfo[]>>
  /** From now on tell this tab about changes ({@link TabPort.streamChanged}), or no longer. */
  watch(on: boolean): Promise<Reply<null>>
  forget(what: Forget): Promise<Reply<null>>
  clear(): Promise<Reply<null>>
  storage(): Promise<Reply<StorageUse>>
  /** Hints from the page: the network is back, the tab became visible. */
  nudge(): Promise<Reply<null>>
  /** Asks for nothing but an answer. */
  ping(): Promise<Reply<null>>
  /** This hub did not answer in time, and the tab has gone to another: it leaves in order as soon as it hears of it (hand-over rule 14). */
  retire(): Promise<Reply<null>>
  /** The tab leaves; its cursors go. */
  bye(): Promise<Reply<null>>
}

/** What a request looks like to whoever is asked for its credentials. */
export interface CredentialsRequest {
  url: string
  method: string
  channel: string
  streamId: string
}

/** What a hub asks of a tab. */
export interface TabPort {
  deliver(batch: Batch): Promise<Ack>
  /**
   * What the cursor reads was deleted; `createdAt` says which of the streams that had this id. A cursor that follows a channel lives on, and waits
   * for the next stream.
   */
  gone(cursorId: number, streamId: string, createdAt?: number): Promise<void>
  /** A watched stream changed or is gone (`null`). */
  streamChanged(streamId: string, info: StreamInfo | null): Promise<void>
  /** What is shown is stored from now on, or no longer. */
  durable(durable: boolean): Promise<void>
  /** An event of a channel that this tab listens to. */
  published(event: PlacedEvent): Promise<void>
  /** Headers for a request, never stored; `null` where this tab has none to give. */
  headers(request: CredentialsRequest): Promise<readonly (readonly [string, string])[] | null>
}
