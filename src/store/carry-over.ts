import type { StreamRow } from './log-store.ts'

/**
 * What was decided of a row that may have moved since it was seen, as a change of the row as it is now: only what the decision changed. `null`
 * where there is nothing left to change: the stream was removed, or has ended.
 */
export function carryOver(
  decided: StreamRow,
  seen: StreamRow | undefined,
  now: StreamRow | undefined,
): { row: StreamRow } | null {
  if (now === undefined || now.ending !== null) return null
  const before = Object.entries(seen ?? {})
  const change = Object.fromEntries(
    Object.entries(decided).filter(([key, value]) => before.every(([name, old]) => name !== key || old !== value)),
  )
  const epochs = decided.epoch - (seen?.epoch ?? 0)
  return { row: { ...now, ...change, epoch: now.epoch + epochs, version: now.version + 1 } }
}
