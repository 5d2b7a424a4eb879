import { HeadwaterError } from '../protocol/errors.ts'
import { httpError, networkError, shownUrl } from './failures.ts'

/** What {@link createCancelUpstream} takes from its surroundings. */
export interface CancelUpstreamOptions {
  /** Default: the global one. */
  fetch?: typeof globalThis.fetch
  now?: () => number
  /** How long the producer may take to answer, in milliseconds. Default 10 s. */
  timeoutMs?: number
  /** Another way, tried first: false where the producer could not be told by it. Default: none. */
  shared?: (request: CancelRequest) => Promise<boolean>
}

/** What a cancel needs to know. */
export interface CancelRequest {
  /** The cancel address of the stream. */
  url: string
  /** Credentials; never stored. */
  headers?: readonly (readonly [string, string])[]
}

/** Tells a producer to stop. Resolves once it is known to have been told, or to be gone. */
export type CancelUpstream = (request: CancelRequest, signal?: AbortSignal) => Promise<void>

// A person waits for it with the finger on the button; longer than this is "could not be reached".
const TIMEOUT_MS = 10_000

/** Unknown, ended already, expired: in each case nothing runs any more. */
export const ALREADY_OVER: readonly number[] = [404, 409, 410]

/**
 * Makes the function that calls a stream's cancel address.
 * It throws `network` (no answer in time, or none at all), `http` (refused), or `aborted`.
 */
export function createCancelUpstream(options: CancelUpstreamOptions = {}): CancelUpstream {
  const { fetch = (...args) => globalThis.fetch(...args), now = Date.now, timeoutMs = TIMEOUT_MS, shared } = options
  return async (request, signal) => {
    // Told twice, a producer stops once: so it is asked over HTTP also where only the answer did not come.
    if (shared !== undefined && (await shared(request))) return
    const { url, headers = [] } = request
    const closing = new AbortController()
    const abort = (): void => closing.abort()
    const timer = setTimeout(abort, timeoutMs)
    if (signal?.aborted) abort()
    signal?.addEventListener('abort', abort, { once: true })
    try {
      // keepalive: the tab that says "cancel" is often about to close.
      const pairs = headers.map(([name, value]): [string, string] => [name, value])
      const response = await fetch(url, { method: 'POST', headers: pairs, keepalive: true, signal: closing.signal })
      if (!response.ok && !ALREADY_OVER.includes(response.status)) throw await httpError(response, url, now())
      await response.body?.cancel().catch(() => undefined)
    } catch (thrown) {
      if (closing.signal.aborted && !signal?.aborted) {
        throw new HeadwaterError('network', `${shownUrl(url)} did not answer within ${timeoutMs} ms.`)
      }
      throw networkError(thrown, url, closing.signal)
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
  }
}
