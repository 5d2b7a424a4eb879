import { HeadwaterError } from '../protocol/errors.ts'
import { HEADER } from '../protocol/http.ts'
import type { SourceFormat } from '../protocol/source.ts'
import type { SilenceLimit } from './silence.ts'
import type { UpstreamRequest } from './upstream.ts'

/** Fetches an address of the same upstream, any status; throws `network` (also where no head comes within the limit) or `aborted`. */
export type Get = (url: string, signal?: AbortSignal, limit?: SilenceLimit) => Promise<Response>

/** A request as `fetch` takes it. */
export interface BuiltRequest {
  url: string
  method: string
  headers: Headers
  body: string | Uint8Array<ArrayBuffer> | null
}

/** Whether a method only reads. */
export const isSafe = (method: string): boolean => method === 'GET' || method === 'HEAD'

const ACCEPT: Partial<Record<SourceFormat, string>> = {
  auto: 'text/event-stream, application/x-ndjson;q=0.9, */*;q=0.8',
  sse: 'text/event-stream',
  ndjson: 'application/x-ndjson, application/json;q=0.9, */*;q=0.8',
}

/** An HTTP header carries bytes; WHATWG has `Last-Event-ID` in UTF-8. */
function utf8Header(value: string): string {
  return Array.from(new TextEncoder().encode(value), (byte) => String.fromCharCode(byte)).join('')
}

/** Whether a lost connection to this source can be continued without loss: by repeating what may be repeated, or at an address for it. */
export function isResumable(request: UpstreamRequest, resumeUrl: string | null): boolean {
  const { format, idempotent, method } = request.source
  if (format === 'websocket') return false
  return resumeUrl !== null || idempotent || isSafe(method)
}

/**
 * The first request of a connection. A continuation goes to the resume address with GET; without one the request itself is repeated, if it
 * may be.
 * @throws {HeadwaterError} `not-resumable`
 */
export function buildRequest(request: UpstreamRequest): BuiltRequest {
  const { source, resuming, resumeUrl, position, streamId } = request
  if (resuming && !isResumable(request, resumeUrl)) {
    throw new HeadwaterError(
      'not-resumable',
      'The request was sent, and its answer named no address to continue at. Sending it again could run it twice; retry() starts a new run.',
    )
  }
  const elsewhere = resuming && resumeUrl !== null
  const method = elsewhere ? 'GET' : source.method
  const headers = new Headers()
  headers.set('accept', ACCEPT[source.format] ?? '*/*')
  for (const [name, value] of [...source.headers, ...request.headers]) headers.set(name, value)
  if (isSafe(method)) headers.delete('content-type')
  // A key of the caller's own says more than ours.
  else if (!headers.has(HEADER.idempotencyKey)) headers.set(HEADER.idempotencyKey, utf8Header(streamId))
  if (position.token !== null && (source.format === 'sse' || source.format === 'auto')) {
    headers.set('last-event-id', utf8Header(position.token))
  }
  return {
    url: elsewhere ? resumeUrl : source.url,
    method,
    headers,
    body: isSafe(method) ? null : (source.body as string | Uint8Array<ArrayBuffer> | null),
  }
}
