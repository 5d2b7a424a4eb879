import { findDialect } from '../dialects/find-dialect.ts'
import type { TerminalRule } from '../protocol/dialect.ts'
import { HeadwaterError } from '../protocol/errors.ts'
import { HEADER } from '../protocol/http.ts'
import type { SourceFormat } from '../protocol/source.ts'
import { isResumable } from './build-request.ts'
import { shownUrl } from './failures.ts'
import type { UpstreamHead, UpstreamRequest } from './upstream.ts'

/** A format that is decided. */
export type Format = Exclude<SourceFormat, 'auto' | 'websocket'>

/** A content type without its parameters, in lower case; `null` where there is none. */
export function mediaType(contentType: string | null): string | null {
  return contentType?.split(';')[0]?.trim().toLowerCase() || null
}

const typeOf = (response: Response): string | null => mediaType(response.headers.get('content-type'))

const NDJSON = ['application/x-ndjson', 'application/ndjson', 'application/jsonl', 'application/x-jsonlines']

/**
 * The format of a response: the one that the source says, else what headers tell.
 * @throws {HeadwaterError} `bad-response` where the two cannot both be true
 */
export function resolveFormat(format: SourceFormat, response: Response, url: string): Format {
  const type = typeOf(response)
  if (format === 'websocket') {
    throw new HeadwaterError('bad-source', "Format 'websocket' is not read over fetch. Use the stream's HTTP address.")
  }
  if (format === 'sse' && type !== 'text/event-stream') {
    throw new HeadwaterError(
      'bad-response',
      `${shownUrl(url)} answered ${type ?? 'without a content type'} where text/event-stream was expected. Is this the address of the stream, and are you signed in?`,
    )
  }
  if (format !== 'auto') return format
  if (response.headers.has(HEADER.nextOffset)) return 'durable-stream'
  if (type === 'text/event-stream') return 'sse'
  if (type !== null && NDJSON.includes(type)) return 'ndjson'
  return type?.startsWith('text/') ? 'text' : 'bytes'
}

/** Name of the dialect that a response is written in, where the source does not say it; `null` where nothing is known of its meaning. */
function guessDialect(format: Format, response: Response): string | null {
  if (response.headers.has(HEADER.uiMessageStream)) return 'ai-sdk'
  if (format === 'sse' || format === 'ndjson' || format === 'text') return format
  return format === 'durable-stream' && typeOf(response)?.startsWith('text/') ? 'text' : null
}

/** What proves the end of a stream, in this format and dialect. */
export interface Evidence {
  rules: readonly TerminalRule[]
  /** The end of the body is the end. */
  endOfBody: boolean
}

export function findEvidence(request: UpstreamRequest, format: Format, dialectName: string | null): Evidence {
  const { terminal } = request.source
  const byNature = format !== 'sse' && format !== 'durable-stream'
  if (terminal !== null) return { rules: terminal, endOfBody: byNature && terminal.length === 0 }
  const dialect = findDialect(dialectName) ?? findDialect(format)
  // The close marker of a durable stream is the evidence; a dialect adds to it only where one was named.
  if (format === 'durable-stream') return { rules: findDialect(dialectName)?.terminal ?? [], endOfBody: false }
  return { rules: dialect?.terminal ?? [], endOfBody: dialect?.endOfBody ?? (dialect === undefined && byNature) }
}

/** An address out of a header: absolute, and of the source's origin, because credentials go there. */
export function sameOrigin(value: string | null | undefined, requestUrl: string, sourceUrl: string): string | null {
  if (!value) return null
  try {
    const url = new URL(value, requestUrl)
    return url.origin === new URL(sourceUrl).origin ? url.href : null
  } catch {
    return null
  }
}

/** The target of `rel="cancel"` in a `Link` header (RFC 8288). */
function cancelLink(value: string | null): string | undefined {
  for (const [, target, parameters] of (value ?? '').matchAll(/<([^>]*)>([^<]*)/g)) {
    if (/;\s*rel\s*=\s*("(?:[^"]*\s)?cancel(?:\s[^"]*)?"|cancel(?=\s*(?:[;,]|$)))/i.test(parameters ?? ''))
      return target
  }
  return undefined
}

/** Everything that the response's head tells about the stream. */
export function readHead(
  request: UpstreamRequest,
  response: Response,
  requestUrl: string,
  format: Format,
): UpstreamHead {
  const { source } = request
  const { headers } = response
  const resumeUrl =
    source.resume ?? sameOrigin(headers.get('location'), requestUrl, source.url) ?? request.resumeUrl ?? null
  return {
    contentType: headers.get('content-type'),
    dialect: request.dialect ?? source.dialect ?? guessDialect(format, response),
    resumeUrl,
    cancelUrl: source.cancel ?? sameOrigin(cancelLink(headers.get('link')), requestUrl, source.url),
    resumable: isResumable(request, resumeUrl),
  }
}
