// Durable Streams 8.1: intervals of 20 seconds since 9 October 2024.
const EPOCH = Date.UTC(2024, 9, 9)
const INTERVAL_MS = 20_000
const MAX_JITTER = 180

/**
 * `Stream-Cursor`: the number of the current interval, or, where the client is already there, a number beyond its own, so that a cache in
 * between never answers a reader with its own past.
 */
export function nextCursor(given: string | null, now: number): string {
  const current = Math.floor((now - EPOCH) / INTERVAL_MS)
  const own = given !== null && /^\d{1,15}$/.test(given) ? Number(given) : -1
  if (own < current) return String(current)
  return String(own + 1 + Math.floor(Math.random() * MAX_JITTER))
}
