import { HeadwaterError } from '../protocol/errors.ts'

/** An address as an error may show it: a query can hold what is nobody's business. */
export function shownUrl(url: string): string {
  const { origin, pathname } = new URL(url)
  return origin + pathname
}

/** What a fetch or a body threw, as a typed error. Browsers say it in words of their own, so nothing is read out of the message. */
export function networkError(thrown: unknown, url: string, signal: AbortSignal): HeadwaterError {
  if (thrown instanceof HeadwaterError) return thrown
  if (signal.aborted) return new HeadwaterError('aborted', 'The connection was closed on this side.')
  const cause = thrown instanceof Error ? (thrown.cause as { code?: unknown } | undefined)?.code : undefined
  const why = typeof cause === 'string' ? ` (${cause})` : ''
  return new HeadwaterError(
    'network',
    `The connection to ${shownUrl(url)} failed or was cut off${why}. Check the network and that the server runs.`,
    undefined,
    { cause: thrown },
  )
}

/** `Retry-After` in milliseconds, from its two forms: seconds or a date. */
function retryAfter(value: string | null, now: number): number | undefined {
  if (value === null) return undefined
  const delay = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now
  return Number.isFinite(delay) ? Math.max(0, delay) : undefined
}

// Enough for a sentence; an error page of a proxy is not worth more.
const MAX_ERROR_BODY = 16_384

/** What the server's JSON says of its refusal, `{error: {message}}` or `{error}`; empty where it does not. */
async function readRefusal(response: Response): Promise<string> {
  if (!/json/.test(response.headers.get('content-type') ?? '')) return ''
  if (Number(response.headers.get('content-length') ?? 0) > MAX_ERROR_BODY) return ''
  try {
    const { error } = (await response.json()) as { error?: string | { message?: unknown } }
    const message = typeof error === 'object' ? error.message : error
    return typeof message === 'string' ? message.slice(0, 500) : ''
  } catch {
    return ''
  }
}

/** A refusal as a typed error: `http`, with `data: {status, retryAfter?}` (milliseconds). Reads the body, so it is the last use of the response. */
export async function httpError(response: Response, url: string, now: number): Promise<HeadwaterError> {
  const said = await readRefusal(response)
  await response.body?.cancel().catch(() => undefined)
  const wait = retryAfter(response.headers.get('retry-after'), now)
  const { status } = response
  return new HeadwaterError('http', `${shownUrl(url)} answered ${status}${said === '' ? '.' : `: ${said}`}`, {
    status,
    ...(wait !== undefined && { retryAfter: wait }),
  })
}
