/** What the bench of sockets and its two processes say to each other. */

export type SocketServerKind = 'headwater' | 'bare'

/** The first argument of `server.js`, as JSON. */
export interface SocketServerJob {
  kind: SocketServerKind
}

/** A server says where it is. */
export interface SocketServerReady {
  url: string
}

/** What a server is asked for. */
export type SocketServerOrder =
  /** Bytes of memory, after everything that nobody holds was let go. */
  | { what: 'memory' }
  /** Sends so many events, at so many per second, and answers with the CPU time that it took until everything was with the system. */
  | { what: 'send'; events: number; perSecond: number }

export interface SocketServerAnswer {
  /** Bytes: of the process as the system sees it, and of objects and buffers. */
  memory?: { rss: number; held: number }
  /** Microseconds. */
  cpu?: number
}

/** The first argument of `watchers.js`, as JSON. */
export interface WatchersJob {
  url: string
  watchers: number
  events: number
  /** Whether the server speaks our protocol, or only pushes. */
  kind: SocketServerKind
}

/** `open` once every watcher is connected (and subscribed), `done` once every one has every event. */
export interface WatchersNote {
  note: 'open' | 'done'
  /** Events that came to all watchers together. */
  events: number
}

/** One event of the bench: 100 bytes. */
export function benchEvent(index: number): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(String(index).padStart(99, '.') + '\n')
}

export const EVENT_BYTES = 100
