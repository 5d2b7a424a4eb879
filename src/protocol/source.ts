import type { Dialect, TerminalRule } from './dialect.ts'

export type SourceFormat = 'auto' | 'sse' | 'ndjson' | 'text' | 'bytes' | 'durable-stream' | 'websocket'

/** Where a stream comes from, as an application says it. */
export interface Source {
  /** Absolute, or relative to the page. Must be `http:` or `https:`, without user name and password. */
  url: string
  /** Default `GET`. */
  method?: string
  /** Sent with the request and never stored: after a hand-over a live tab is asked again. */
  headers?: HeadersInit
  /**
   * Text and bytes go as they are; anything else as JSON with `content-type: application/json`. Refused where JSON takes nothing of it (forms, Blobs,
   * streams), and with GET and HEAD.
   */
  body?: unknown
  /**
   * Default `auto`: told by the response's content type. `websocket`: each message is a chunk, a message by the dialect's rules is the end, and what
   * was lost cannot be had again; its `url` is `http:` or `https:` as well, and a browser sends it no headers.
   */
  format?: SourceFormat
  /** What chunks mean; by default told by the response's headers. */
  dialect?: string | Dialect
  /** Address where the stream can be continued; else taken from the response's headers, else none. */
  resume?: string
  /** Address that cancels the producer; else taken from the response's headers, else none. */
  cancel?: string
  /** The request may be sent again. Default: true for GET and HEAD. */
  idempotent?: boolean
  /** Automatic attempts after a lost connection. Default 3. */
  retries?: number
}

/** A source as it crosses threads and is stored: plain data, absolute addresses, no secrets. */
export interface StoredSource {
  url: string
  method: string
  /** Only `accept` and `content-type`. */
  headers: readonly (readonly [name: string, value: string])[]
  body: string | Uint8Array | null
  format: SourceFormat
  /** Name of the dialect, `null` where the response is to tell. */
  dialect: string | null
  /** Rules of a dialect that the hub does not know by name. */
  terminal: readonly TerminalRule[] | null
  resume: string | null
  cancel: string | null
  idempotent: boolean
  retries: number
  /** Whether the request needs headers that are not stored: the hub asks a live tab for them. */
  credentials: boolean
}

/**
 * How much of a channel is kept: whole streams go, the oldest first; never one that is not ended, and never the newest. Of the newest, once it has
 * ended, the start goes where it alone is larger than `bytes`: readers get a gap `retention`, then the rest. `'keep'` keeps all, and is the default.
 * Channels with limits also share one of the whole origin, and give room where the disk is full; what is kept is never touched.
 */
export type Retention =
  | 'keep'
  | {
      /** Streams. */
      count?: number
      /** Size of the data of all of them: UTF-16 units of texts plus bytes. */
      bytes?: number
      /** Milliseconds since the last change. */
      ageMs?: number
    }
