import { isFinished } from '../store/is-finished.ts'
import type { StreamRow } from '../store/log-store.ts'

/**
 * Most data of ended streams that is kept in an origin, of all channels that have limits together: 256 Mi units, which is less than any browser
 * allows an origin on a disk that is not nearly full. Channels that are kept for good (`'keep'`) are not counted and not touched: what a
 * person wants kept is worth more than a limit of ours.
 */
export const ORIGIN_LIMIT = 256 * 1024 * 1024

/** The streams of each channel, in their order. */
export function byChannel(rows: readonly StreamRow[]): StreamRow[][] {
  const channels = new Map<string, StreamRow[]>()
  for (const row of rows) {
    const channel = channels.get(row.channel)
    if (channel === undefined) channels.set(row.channel, [row])
    else channel.push(row)
  }
  return [...channels.values()]
}

/** The limits of a channel, as its newest stream says them; `null` where everything is kept. */
function limitsOf(rows: readonly StreamRow[]): { count?: number; bytes?: number; ageMs?: number } | null {
  const { retention = 'keep' } = rows[rows.length - 1] ?? {}
  return retention === 'keep' ? null : retention
}

/**
 * Which streams of a channel go, by the limits that its newest one carries: the oldest first, never one that is not ended (somebody may resume
 * it), never the newest.
 * @param rows of one channel, oldest first
 * @param now milliseconds since the epoch
 */
export function surplusOf(rows: readonly StreamRow[], now: number): StreamRow[] {
  const newest = rows[rows.length - 1]
  const limits = limitsOf(rows)
  if (newest === undefined || limits === null) return []
  const { count = Infinity, bytes = Infinity, ageMs = Infinity } = limits
  let kept = rows.length
  let size = rows.reduce((sum, row) => sum + row.size, 0)
  return rows.filter((row) => {
    const goes = kept > count || size > bytes || now - row.updatedAt > ageMs
    if (!goes || row === newest || !isFinished(row)) return false
    kept -= 1
    size -= row.size
    return true
  })
}

/**
 * Whose start goes: a channel's newest stream never goes as a whole, but where it has ended, and is larger than all of its channel may be, its oldest chunks do.
 * @param rows of one channel, oldest first
 */
export function oversizedOf(rows: readonly StreamRow[]): { row: StreamRow; maxSize: number } | null {
  const newest = rows[rows.length - 1]
  const maxSize = limitsOf(rows)?.bytes
  if (newest === undefined || maxSize === undefined || !isFinished(newest) || newest.size <= maxSize) return null
  return { row: newest, maxSize }
}

/** The streams that may be given up where room is needed: ended, in channels that have limits, and not the newest there; oldest first. */
export function expendable(rows: readonly StreamRow[]): StreamRow[] {
  return byChannel(rows)
    .flatMap((of) => (limitsOf(of) === null ? [] : of.slice(0, -1).filter(isFinished)))
    .sort((a, b) => a.updatedAt - b.updatedAt)
}

/**
 * Which streams go because all channels with limits together have more than `limit`.
 * @param rows of all channels, oldest first
 * @param limit in units of data
 */
export function beyondLimit(rows: readonly StreamRow[], limit: number): StreamRow[] {
  const counted = byChannel(rows)
    .filter((of) => limitsOf(of) !== null)
    .flat()
  let size = counted.reduce((sum, row) => sum + (isFinished(row) ? row.size : 0), 0)
  return expendable(rows).filter((row) => {
    if (size <= limit) return false
    size -= row.size
    return true
  })
}

/**
 * The oldest streams that have, together, at least this much; all that there are where they have less.
 * @param size in units of data
 */
export function roomOf(rows: readonly StreamRow[], size: number): StreamRow[] {
  let freed = 0
  return expendable(rows).filter((row) => {
    if (freed >= size) return false
    freed += row.size
    return true
  })
}
