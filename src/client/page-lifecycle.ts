import type { Connection } from './connection.ts'

/** For how long a page is hidden before it lets go of its hub (PROTOCOL.md, 2.1). */
const REST_MS = 60_000

/**
 * Tells the connection what only a page hears: that it enters or leaves the back-forward cache (posting to a cached page evicts it, so it lets
 * go first), that it became visible or was hidden for long, that the network is back. Answers with the way to stop.
 */
export function followPageLifecycle(connection: Connection): () => void {
  const end = new AbortController()
  const { signal } = end
  addEventListener('pagehide', ({ persisted }) => persisted && connection.pause(), { signal })
  addEventListener('pageshow', ({ persisted }) => persisted && connection.resume(), { signal })
  addEventListener('online', () => connection.nudge(), { signal })
  let resting: ReturnType<typeof setInterval>
  const look = (): void => {
    clearInterval(resting)
    // Again and again: what it was busy with may be over by then.
    if (document.hidden) resting = setInterval(() => connection.rest(), REST_MS)
    else connection.nudge()
  }
  document.addEventListener('visibilitychange', look, { signal })
  // Opened in the background.
  if (document.hidden) look()
  return () => {
    end.abort()
    clearInterval(resting)
  }
}
