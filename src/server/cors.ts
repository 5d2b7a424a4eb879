import { HEADER } from '../protocol/http.ts'
import { isPreflight } from './guard.ts'
import type { Answer } from './plain-answer.ts'
import type { PlainRequest } from './plain-request.ts'

const METHODS = 'GET, HEAD, PUT, POST, DELETE'

/** What a page may send beyond what every page may (https://fetch.spec.whatwg.org/#cors-safelisted-request-header). */
const REQUEST_HEADERS = [
  'authorization',
  'content-type',
  'if-none-match',
  'last-event-id',
  'stream-forked-from',
  'stream-fork-offset',
  'stream-fork-sub-offset',
  HEADER.idempotencyKey,
  HEADER.seq,
  HEADER.ttl,
  HEADER.expiresAt,
  HEADER.closed,
  HEADER.ending,
  HEADER.lease,
  HEADER.producerId,
  HEADER.producerEpoch,
  HEADER.producerSeq,
].join(', ')

/** What a page may read of an answer: all that the protocols say in headers. */
const ANSWER_HEADERS = ['etag', 'link', 'location', 'retry-after', ...Object.values(HEADER)].join(', ')

/** How long a browser may remember a preflight, in seconds: browsers cut it to two hours or less. */
const PREFLIGHT_LIFE = 7200

/** Or a cache could give one page the answer of another. */
const varies = (before?: string | null): Record<string, string> => ({ vary: before ? `${before}, Origin` : 'Origin' })

// The origins are named, so that a page of one of them may act for the person who is logged in here.
const permission = (origin: string): Record<string, string> => ({
  'access-control-allow-origin': origin,
  'access-control-allow-credentials': 'true',
})

/** Answers for pages of other origins: only of those that were named, one by one. */
export interface Cors {
  /** The answer to a preflight; `null` where it is none, or the origin is not one of ours to allow. */
  preflight(request: PlainRequest): Response | null
  /** The same answer, readable for the page that asked, where it may. */
  open(request: PlainRequest, answer: Answer): Answer
}

/** @param origins as browsers write them: scheme, host and port. Empty: nothing is ever allowed, and no header says a word */
export function createCors(origins: readonly string[]): Cors {
  const allowed = new Set(origins)
  return {
    preflight(request) {
      const origin = request.headers.get('origin')
      if (origin === null || !allowed.has(origin) || !isPreflight(request)) return null
      const headers = {
        ...varies(),
        ...permission(origin),
        'access-control-allow-methods': METHODS,
        'access-control-allow-headers': REQUEST_HEADERS,
        'access-control-max-age': String(PREFLIGHT_LIFE),
      }
      return new Response(null, { status: 204, headers })
    },
    open(request, answer) {
      if (allowed.size === 0) return answer
      const origin = request.headers.get('origin')
      const permitted =
        origin !== null && allowed.has(origin)
          ? { ...permission(origin), 'access-control-expose-headers': ANSWER_HEADERS }
          : {}
      if (!(answer instanceof Response)) {
        return { ...answer, headers: { ...answer.headers, ...varies(answer.headers['vary']), ...permitted } }
      }
      const headers = { ...varies(answer.headers.get('vary')), ...permitted }
      for (const [name, value] of Object.entries<string>(headers)) answer.headers.set(name, value)
      return answer
    },
  }
}
