/** Who is measured. `bare` is a Node server that does nothing but write the bytes: what the machine can do at all. */
export type ContenderKind = 'headwater' | 'reference' | 'bare'

/** Where a contender keeps its streams: in memory, in a folder, or in a Redis at this address. */
export type ContenderStore = { kind: 'memory' } | { kind: 'disk'; folder: string } | { kind: 'redis'; url: string }

export interface ContenderJob {
  kind: ContenderKind
  store: ContenderStore
}

/** What a contender says once it listens. */
export interface ContenderReady {
  /** Its address, without a trailing slash. */
  url: string
}

/** What a contender answers to any message. */
export interface ContenderUsage {
  /** Of the processor so far, in microseconds. */
  cpu: number
  /** Resident memory, in bytes. */
  memory: number
}

/** Delivery to many readers while one writer appends at a steady rate. */
export interface SseJob {
  what: 'sse'
  /** Of one stream; the first is written through, the readers take turns. */
  urls: readonly string[]
  readers: number
  /** Events after the warm-up. */
  events: number
  perSecond: number
}

export interface SseResult {
  p50: number
  p99: number
  /** Events that arrived, of all readers; each reader must get each event. */
  received: number
  missed: number
}

/** Appends of 100 bytes, each connection waiting for its answers. */
export interface AppendJob {
  what: 'append'
  /** Streams; the connections take turns. */
  urls: readonly string[]
  connections: number
  seconds: number
}

export interface AppendResult {
  perSecond: number
  /** All that were answered, the warm-up's too. */
  answered: number
}

/** Readers that fetch the whole stream at once. */
export interface CatchUpJob {
  what: 'catch-up'
  url: string
  bytes: number
  readers: number
}

export interface CatchUpResult {
  /** Until the last reader has the last byte. */
  ms: number
}

export type LoadJob = SseJob | AppendJob | CatchUpJob

/** What goes over the wire of the bare server for one event: an event of Headwater's own, byte for byte as long. */
export function bareEvent(text: string): string {
  const offset = '0'.repeat(33)
  const control = { streamNextOffset: offset, streamCursor: '17830000', upToDate: true }
  return `event: data\ndata:${text}\n\nevent: control\ndata:${JSON.stringify(control)}\nid: ${offset}\n\n`
}
