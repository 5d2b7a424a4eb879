import type { StreamRow } from '../store/log-store.ts'

/**
 * Which streams of a channel go, by the limits that its newest one carries: the oldest first, never one that is not ended (somebody may resume
 * it), never the newest.
 * @param rows of one channel, oldest first
 * @param now milliseconds since the epoch
 */
export function surplusOf(rows: readonly StreamRow[], now: number): StreamRow[] {
  const newest = rows[rows.length - 1]
  const limits = newest?.retention
  if (newest === undefined || limits === undefined || limits === 'keep') return []
  const { count = Infinity, bytes = Infinity, ageMs = Infinity } = limits
  let kept = rows.length
  let size = rows.reduce((sum, row) => sum + row.size, 0)
  return rows.filter((row) => {
    const goes = kept > count || size > bytes || now - row.updatedAt > ageMs
    if (!goes || row === newest || row.ending === null) return false
    kept -= 1
    size -= row.size
    return true
  })
}
