import type { Connection } from './connection.ts'

/**
 * Tells the connection what only a page hears: that it enters or leaves the back-forward cache (posting to a cached page evicts it, so it lets
 * go first), that it became visible, that the network is back. Answers with the way to stop.
 */
export function followPageLifecycle(connection: Connection): () => void {
  const end = new AbortController()
  const { signal } = end
  addEventListener('pagehide', ({ persisted }) => persisted && connection.pause(), { signal })
  addEventListener('pageshow', ({ persisted }) => persisted && connection.resume(), { signal })
  addEventListener('online', () => connection.nudge(), { signal })
  document.addEventListener('visibilitychange', () => !document.hidden && connection.nudge(), { signal })
  return () => end.abort()
}
