import type { Ending } from './chunk.ts'

/**
 * Names on the wire of the Durable Streams protocol (https://github.com/durable-streams/durable-streams, PROTOCOL.md) and our additions.
 * Header names in lower case, as `Headers` gives them back.
 */
export const HEADER = {
  nextOffset: 'stream-next-offset',
  upToDate: 'stream-up-to-date',
  closed: 'stream-closed',
  cursor: 'stream-cursor',
  ttl: 'stream-ttl',
  expiresAt: 'stream-expires-at',
  seq: 'stream-seq',
  producerId: 'producer-id',
  producerEpoch: 'producer-epoch',
  producerSeq: 'producer-seq',
  expectedSeq: 'producer-expected-seq',
  receivedSeq: 'producer-received-seq',
  sseDataEncoding: 'stream-sse-data-encoding',
  /** Ours: how a closed stream ended, JSON of `Ending`; absent means `done`. */
  ending: 'stream-ending',
  /** Ours: for how many seconds a stream waits for its producer to be heard again. */
  lease: 'stream-lease',
  /** Ours: the longest silence on a live answer, in whole seconds. */
  heartbeat: 'stream-heartbeat',
  /** Ours: the path of the server's WebSocket, where it can be reached. */
  socket: 'stream-socket',
  idempotencyKey: 'idempotency-key',
  uiMessageStream: 'x-vercel-ai-ui-message-stream',
} as const

/** Offset of the start of a stream, and of its tail. */
export const OFFSET_START = '-1'
export const OFFSET_NOW = 'now'

/** Longest lease of a producer, in seconds: a day. Who is gone for longer is not coming back. */
export const MAX_LEASE_SECONDS = 86_400

/** An ending as a header's value. */
export function encodeEnding(ending: Ending): string {
  return JSON.stringify({
    kind: ending.kind,
    ...(ending.code !== undefined && { code: ending.code }),
    ...(ending.exitCode !== undefined && { exitCode: ending.exitCode }),
  })
}

/** An ending out of a header or of parsed JSON; absent means `done`, and what cannot be understood is an `error`, never a success. */
export function decodeEnding(value: unknown): Ending {
  if (value === null || value === undefined) return { kind: 'done' }
  let parsed: unknown = value
  if (typeof value === 'string') {
    try {
      parsed = JSON.parse(value)
    } catch {
      return { kind: 'error', code: 'bad-ending' }
    }
  }
  if (typeof parsed !== 'object' || parsed === null) return { kind: 'error', code: 'bad-ending' }
  const { kind, code, exitCode } = parsed as Record<string, unknown>
  if (kind !== 'done' && kind !== 'cancelled' && kind !== 'error') return { kind: 'error', code: 'bad-ending' }
  return {
    kind,
    // A code goes into texts and attributes; keep it to what a code looks like.
    ...(typeof code === 'string' && /^[\w.-]{1,64}$/.test(code) && { code }),
    ...(Number.isSafeInteger(exitCode) && { exitCode: exitCode as number }),
  }
}

/** A channel on the server, one entry of `GET /v1/channels`. */
export interface ChannelInfo {
  channel: string
  /** The newest run. */
  newest: RunInfo
  /** How many runs the channel has. */
  runs: number
}

/** What a list that is answered in pages says of what comes after this page. Nothing where that is the end. */
export interface ListRest {
  /** How many there are besides, all older. */
  older?: number
  /** The query `before` with which the next page is asked for. Means nothing to clients. */
  next?: string
}

/** The channels, `GET /v1/channels`. */
export interface ChannelList extends ListRest {
  /** Newest first, at most 1,000. */
  channels: readonly ChannelInfo[]
}

/** The runs of a channel, `GET /v1/channels/<channel>`. */
export interface RunList extends ListRest {
  channel: string
  /** Newest first, at most 1,000. */
  runs: readonly RunInfo[]
}

/** A run on the server. */
export interface RunInfo {
  run: string
  /** Path and query of its stream, relative to the server. */
  url: string
  status: 'live' | 'done' | 'cancelled' | 'error'
  ending: Ending | null
  contentType: string
  /** Bytes. */
  size: number
  /** Milliseconds since the epoch. */
  createdAt: number
  updatedAt: number
}
