import type { Ending } from '../protocol/chunk.ts'
import { decodeEnding, encodeEnding, HEADER } from '../protocol/http.ts'
import { httpError, networkError } from './failures.ts'
import { within, type Delay, type SilenceLimit } from './silence.ts'

/** What a producer asks of a server of Durable Streams. */
export type AppendRequest = { url: string } & (
  | { act: 'create'; contentType: string; lease: number }
  /** One batch, known again by the producer's name and count; with `ending` the stream is closed after it. */
  | { act: 'append'; contentType: string; body: Uint8Array; producer: string; seq: number; ending: Ending | null }
  /** A sign of life, which renews the lease where the server keeps them; `lease: null` where it does not: the answer alone counts. */
  | { act: 'beat'; lease: number | null }
)

/** What became of it. */
export interface AppendAnswer {
  /** The stream was closed by another request than this one. */
  closed: Ending | null
  /** The server keeps leases. */
  leased: boolean
}

/**
 * Makes one request of a producer. Each may be sent again.
 * It throws `network` (no answer: it may have been taken or not), `http` (refused), or `aborted`.
 */
export type AppendUpstream = (
  request: AppendRequest,
  headers: readonly (readonly [string, string])[],
  signal: AbortSignal,
) => Promise<AppendAnswer>

/** What {@link createAppendUpstream} takes from its surroundings. */
export interface AppendUpstreamOptions {
  fetch: typeof globalThis.fetch
  /** Milliseconds since the epoch. */
  now: () => number
  delay: Delay
}

/** Two minutes: time for the largest usual batch (512 kB) at 35 kbit/s. */
const ANSWER_LIMIT: SilenceLimit = { stepMs: 15_000, steps: 8 }

/** Makes the function that creates and writes streams on a server. */
export function createAppendUpstream({ fetch, now, delay }: AppendUpstreamOptions): AppendUpstream {
  return async (request, credentials, signal) => {
    const { url } = request
    const { method, headers, body } = build(request)
    for (const [name, value] of credentials) headers.set(name, value)
    const closing = new AbortController()
    const abort = (): void => closing.abort()
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    try {
      const init = { method, headers, body, cache: 'no-store' as const, signal: closing.signal }
      const response = await within(fetch(url, init), ANSWER_LIMIT, delay, url)
      const isClosed = response.headers.get(HEADER.closed) === 'true'
      const byThis = response.ok && request.act === 'append' && request.ending !== null
      if (!response.ok && !isClosed) throw await httpError(response, url, now())
      await response.body?.cancel().catch(() => undefined)
      return {
        closed: isClosed && !byThis ? decodeEnding(response.headers.get(HEADER.ending)) : null,
        leased: response.headers.has(HEADER.lease),
      }
    } catch (thrown) {
      throw networkError(thrown, url, signal)
    } finally {
      // What got no answer in time is closed; what was answered is over.
      abort()
      signal.removeEventListener('abort', abort)
    }
  }
}

function build(request: AppendRequest): { method: string; headers: Headers; body: Uint8Array<ArrayBuffer> | null } {
  const headers = new Headers()
  switch (request.act) {
    case 'create':
      headers.set('content-type', request.contentType)
      headers.set(HEADER.lease, String(request.lease))
      return { method: 'PUT', headers, body: null }
    case 'beat':
      if (request.lease === null) return { method: 'HEAD', headers, body: null }
      headers.set(HEADER.lease, String(request.lease))
      return { method: 'POST', headers, body: null }
    case 'append': {
      const { body, contentType, producer, seq, ending } = request
      headers.set(HEADER.producerId, producer)
      headers.set(HEADER.producerEpoch, '0')
      headers.set(HEADER.producerSeq, String(seq))
      if (body.length > 0) headers.set('content-type', contentType)
      if (ending !== null) {
        headers.set(HEADER.closed, 'true')
        headers.set(HEADER.ending, encodeEnding(ending))
      }
      return { method: 'POST', headers, body: body.length > 0 ? (body as Uint8Array<ArrayBuffer>) : null }
    }
  }
}
