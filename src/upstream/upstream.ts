import type { Ending, NewChunk } from '../protocol/chunk.ts'
import type { Position } from '../protocol/position.ts'
import type { StoredSource } from '../protocol/source.ts'
import type { Verdict } from '../protocol/verdict.ts'

/** What a connection needs to know. */
export interface UpstreamRequest {
  source: StoredSource
  /** Sent as `Idempotency-Key` with a request that is not idempotent. */
  streamId: string
  /** Where to go on; `{token: null, skip: 0}` on a first connection. */
  position: Position
  /** Address that an earlier response named for continuing, or the source's own; `null` repeats the request itself (GET). */
  resumeUrl: string | null
  /** Whether this is a continuation: then a POST is never repeated, `resumeUrl` is fetched with GET. */
  resuming: boolean
  /** What a terminal rule of this stream already said. */
  verdict: Verdict | null
  /** Resolved earlier, from the first response. */
  dialect: string | null
  /** Extra headers (credentials); never stored. */
  headers: readonly (readonly [string, string])[]
  /** Goes on the socket that the streams of this origin share, and takes no connection of its own. Default false. */
  shared?: boolean
}

/** What the response's head told. */
export interface UpstreamHead {
  contentType: string | null
  /** Name of the dialect that holds from now on. */
  dialect: string | null
  /** Where the stream can be continued and cancelled: absolute, same origin as the source; `null` where not told. */
  resumeUrl: string | null
  cancelUrl: string | null
  /** Whether a lost connection can be continued without loss. */
  resumable: boolean
}

/** Chunks that are safe to commit together with the position that follows them. */
export interface UpstreamFrame {
  chunks: readonly NewChunk[]
  position: Position
  verdict: Verdict | null
  /** The stream ends here, on the evidence that its format defines (I4). Nothing follows. */
  ending?: Ending
  /** For people, with an `ending` of kind `error`. */
  message?: string
  /** Upstream is not what it was: a gap stands before `chunks`. */
  gap?: 'upstream-changed' | 'retention'
}

/**
 * One connection. Iterating it reads; leaving the loop or aborting the signal closes the socket.
 *
 * - Throws `HeadwaterError`: `network` (refused, cut, end of body without the evidence of an end: all worth another try), `http` (`data:
 *   {status, retryAfter?}`; 408, 425, 429 and 5xx are worth another try), `bad-response`, `too-large`. One that is `shared` also throws
 *   `WayLost`. What was yielded before is good.
 * - Pull-driven: it reads no further than its consumer asks, so back-pressure reaches the socket.
 */
export interface UpstreamConnection extends AsyncIterable<UpstreamFrame> {
  readonly head: UpstreamHead
}

/** What tells whether a request can go on a shared socket. */
export type SharedTarget = Pick<UpstreamRequest, 'source' | 'resumeUrl' | 'resuming'>

/** Opens a connection: resolves once the response's head is there, or the shared socket has opened the stream. */
export type ConnectUpstream = (request: UpstreamRequest, signal: AbortSignal) => Promise<UpstreamConnection>
