import type { Ending } from './chunk.ts'
import type { RunInfo, RunList } from './http.ts'

/** Subprotocol of the WebSocket: its number is the version of section 4.5. Frames grow by optional fields only. */
export const SOCKET_PROTOCOL = 'headwater.1'

/** Where the socket is, relative to the server; a server that has one says so in the header `stream-socket`. */
export const SOCKET_PATH = '/v1/ws'

/** Why a server closes a socket. What was subscribed to goes on, after its last offset, on the next socket. */
export const SOCKET_CLOSE = {
  /** The server stops: connect again, soon, perhaps to another one. */
  closing: 1012,
  /** The client was slower than its streams for too long: connect again, at its offsets. */
  tooSlow: 1013,
  /** The client broke a limit and went on breaking it. */
  refused: 1008,
} as const

/** Headers that a frame stands for, because a browser cannot set any on a WebSocket. Names in any case. */
export type FrameHeaders = Readonly<Record<string, string>>

/** What a subscription is about. */
export type SubscribeTarget =
  /** One stream, by a path of the server: `/v1/stream/<channel>/<run>` or `/v1/chat/<channel>/stream?run=<run>`. */
  | { readonly stream: string; readonly offset: string }
  /** The newest run of a channel, and every later one; with `run`, that run first. */
  | { readonly channel: string; readonly offset: string; readonly run?: string }
  /** The events published in a channel. */
  | { readonly events: string; readonly offset: string }
  /** Who watches a channel. */
  | { readonly presence: string }

/** What a client sends, each with an id of its own; the answer is `ok` or `error` with that id. */
export type ClientFrame = SubscribeFrame | UnsubscribeFrame | PublishFrame | CancelFrame | HistoryFrame | PingFrame

export type SubscribeFrame = {
  readonly type: 'subscribe'
  readonly id: number
  /** The client's own name for it, free again after its end. */
  readonly sub: number
  readonly headers?: FrameHeaders
  /** How the client calls itself to those who watch the presence of the channel. */
  readonly as?: string
  /** Bytes of payload that may be on the way, without an `ack`. Default: no limit of its own. */
  readonly window?: number
} & SubscribeTarget

export interface UnsubscribeFrame {
  readonly type: 'unsubscribe'
  readonly id: number
  readonly sub: number
}

export interface PublishFrame {
  readonly type: 'publish'
  readonly id: number
  readonly channel: string
  readonly event: string
  /** Any JSON. Default: `null`. */
  readonly data?: unknown
  /** As the headers Producer-Id, -Epoch and -Seq: what was not acknowledged can be sent again, and happens once. */
  readonly producer?: { readonly id: string; readonly epoch: number; readonly seq: number }
  readonly headers?: FrameHeaders
}

/** As `POST /v1/channels/<channel>/cancel`. */
export interface CancelFrame {
  readonly type: 'cancel'
  readonly id: number
  readonly channel: string
  readonly run?: string
  readonly headers?: FrameHeaders
}

/** As `GET /v1/channels/<channel>`. */
export interface HistoryFrame {
  readonly type: 'history'
  readonly id: number
  readonly channel: string
  /** Most runs, 1 to 1,000. Default: 1,000. */
  readonly limit?: number
  /** `next` of the page before. Default: from the newest run on. */
  readonly before?: string
  readonly headers?: FrameHeaders
}

export interface PingFrame {
  readonly type: 'ping'
  readonly id: number
}

/** What a client sends without an id, and nobody answers. */
export type ClientNote =
  /** Bytes of payload that were dealt with, for a subscription with a window. */
  | { readonly type: 'ack'; readonly sub: number; readonly bytes: number }
  /** The answer to a `ping` of the server. */
  | { readonly type: 'pong' }

/** The stream that the data of a subscription comes from. */
export interface OpenedStream {
  /** Its path, as in `RunInfo.url`. */
  readonly stream: string
  /** Empty for a stream outside of channels. */
  readonly channel: string
  readonly run: string
  readonly contentType: string
  /** The place of the first byte that follows: `-1` and `now` resolved. */
  readonly offset: string
}

export interface Watcher {
  /** Names one socket for as long as it is open; the client's own is in `welcome`. */
  readonly watcher: string
  readonly as: string | null
  /** Milliseconds since the epoch. */
  readonly since: number
}

/** What `ok` says to each request, besides `id`. */
export interface SocketAnswers {
  /** `opened` is `null` where the channel has no run yet, or the log of its events does not exist yet. `watchers` and `count` only for `presence`. */
  subscribe: {
    readonly opened?: OpenedStream | null
    /** Who came first, at most 200. */
    readonly watchers?: readonly Watcher[]
    /** How many there are, listed or not. */
    readonly count?: number
  }
  unsubscribe: object
  /** The place after the event in the log of events, and whether it was there already. */
  publish: { readonly offset: string; readonly duplicate: boolean }
  cancel: { readonly run: RunInfo }
  history: Readonly<RunList>
  ping: object
}

/** A refusal: code and message as over HTTP, with the status that it has there. */
export interface SocketError {
  readonly code: string
  readonly message: string
  readonly status: number
}

/** What a server sends as text. */
export type ServerFrame =
  | WelcomeFrame
  | OkFrame
  /** `id` is `null` where the frame that is refused had none that could be read. */
  | { readonly type: 'error'; readonly id: number | null; readonly error: SocketError }
  /** A subscription begins to follow another stream, from its `offset`. */
  | ({ readonly type: 'opened'; readonly sub: number } & OpenedStream)
  /** A subscription is over although its stream has not ended: it was deleted, or may not be read any more. */
  | { readonly type: 'dropped'; readonly sub: number; readonly error: SocketError }
  | {
      readonly type: 'presence'
      readonly sub: number
      readonly joined: readonly Watcher[]
      readonly left: readonly Watcher[]
      readonly count: number
    }
  | { readonly type: 'ping' }

export interface WelcomeFrame {
  readonly type: 'welcome'
  /** The longest silence of either side, in whole seconds. */
  readonly heartbeat: number
  /** This socket, as others see it in presence. */
  readonly watcher: string
  readonly limits: {
    /** Bytes of one frame of the client. */
    readonly frameBytes: number
    readonly subscriptions: number
    /** Frames per second, on average. */
    readonly framesPerSecond: number
  }
}

/** `ok`, and what {@link SocketAnswers} has for the request of that id. */
export type OkFrame = { readonly type: 'ok'; readonly id: number } & Partial<
  SocketAnswers['subscribe'] & SocketAnswers['publish'] & SocketAnswers['cancel'] & SocketAnswers['history']
>

/** What a server says of the payload of a binary frame. */
export interface DataHeader {
  readonly sub: number
  /** The place after the payload: where to subscribe again. */
  readonly next: string
  /** The payload reaches what is the tail now. Absent means no. */
  readonly upToDate?: boolean
  /** The stream ends here. */
  readonly ending?: Ending
}

/** An event as one message of the log of events. */
export interface ChannelEvent {
  readonly event: string
  readonly data: unknown
  /** Milliseconds since the epoch, by the server's clock. */
  readonly at: number
  /** How far the channel's newest run was: its stream and its tail. `null` where there was no run. */
  readonly place: { readonly run: string; readonly offset: string } | null
}
