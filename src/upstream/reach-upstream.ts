/** Whether whoever serves an address can be reached now. Never rejects. */
export type ReachUpstream = (url: string) => Promise<boolean>

/** What {@link createReachUpstream} takes from its surroundings. */
export interface ReachUpstreamOptions {
  fetch: typeof globalThis.fetch
  /** How long an answer may take, in milliseconds. Default 10 s: a request that is to be sent once is not worth a guess. */
  timeoutMs?: number
}

const TIMEOUT_MS = 10_000

/** Answers of a gateway that found nobody behind it (RFC 9110, 15.6.3 to 15.6.5). */
const NOBODY_BEHIND = [502, 503, 504]

/** The folder of an address: what is asked for a sign of life. All addresses in it share one answer. */
export function folderOf(url: string): string {
  return new URL('.', url).href
}

/**
 * Makes the function that looks whether a server can be reached, before a request is sent that must not be sent twice. `navigator.onLine` cannot
 * tell: it knows of networks, not of servers, and of none on this machine.
 *
 * It asks with HEAD, which every server must take for safe (RFC 9110, 9.2.1) and caches of service workers pass on; for the folder of the address,
 * not for the address itself, where a careless server could start the run; without credentials and in `no-cors`, so that no preflight is asked and
 * no other origin's consent is needed. Any answer counts, also a refusal, save that of a gateway with nobody behind it.
 */
export function createReachUpstream({ fetch, timeoutMs = TIMEOUT_MS }: ReachUpstreamOptions): ReachUpstream {
  return async (url) => {
    const enough = new AbortController()
    const timer = setTimeout(() => enough.abort(), timeoutMs)
    try {
      const init = {
        method: 'HEAD',
        mode: 'no-cors' as const,
        credentials: 'omit' as const,
        cache: 'no-store' as const,
        referrerPolicy: 'no-referrer' as const,
        signal: enough.signal,
      }
      const response = await fetch(folderOf(url), init)
      // An opaque response has status 0: an answer all the same.
      return !NOBODY_BEHIND.includes(response.status)
    } catch {
      return false
    } finally {
      clearTimeout(timer)
    }
  }
}
