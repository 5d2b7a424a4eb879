import { HeadwaterError } from '../protocol/errors.ts'

// 1, 2, 4 s as the public face promises; beyond that a wait that a person at the screen still takes for "trying".
const FIRST_DELAY_MS = 1000
const LONGEST_DELAY_MS = 15_000
// A server may ask for hours (RFC 9110, 10.2.3); a reader who waits is worth a question each minute.
const LONGEST_ASKED_DELAY_MS = 60_000

/**
 * How long to wait before an attempt, in milliseconds: 1, 2, 4 … at most 15 s, each up to a quarter shorter or longer, so that the clients of a
 * server that restarts do not return in one wave.
 * @param attempt 1 for the first one after a loss
 * @param random from 0 (inclusive) to 1
 * @param asked what the server asked for ({@link askedDelay}): never less than that, and up to a quarter more
 */
export function backoffDelay(attempt: number, random: number, asked = 0): number {
  const delay = Math.min(FIRST_DELAY_MS * 2 ** (Math.max(1, attempt) - 1), LONGEST_DELAY_MS)
  return Math.round(Math.max(delay * (0.75 + random / 2), asked * (1 + random / 4)))
}

/** How long a refusal asks its client to stay away (`Retry-After`), in milliseconds: 0 where it does not, at most a minute. */
export function askedDelay(error: unknown): number {
  if (!(error instanceof HeadwaterError) || error.code !== 'http') return 0
  const asked = (error.data as { retryAfter?: unknown } | undefined)?.retryAfter
  return typeof asked === 'number' && asked > 0 ? Math.min(asked, LONGEST_ASKED_DELAY_MS) : 0
}

/** Whether upstream refused because of who asked: 401 or 403. It did nothing else with the request (RFC 9110, 15.5.2 and 15.5.4). */
export function isCredentialsRefusal(error: unknown): boolean {
  if (!(error instanceof HeadwaterError) || error.code !== 'http') return false
  const status = (error.data as { status?: unknown } | undefined)?.status
  return status === 401 || status === 403
}

// RFC 9110 and 6585: the request was in order, and the time was not. 5xx: the server's fault, which may pass.
const RETRYABLE_STATUS = [408, 425, 429]

/** Whether another attempt at the same upstream is worth it. */
export function isRetryable(error: unknown): boolean {
  if (!(error instanceof HeadwaterError)) return false
  if (error.code === 'network') return true
  if (error.code !== 'http') return false
  const status = (error.data as { status?: unknown } | undefined)?.status
  return typeof status === 'number' && (status >= 500 || RETRYABLE_STATUS.includes(status))
}
