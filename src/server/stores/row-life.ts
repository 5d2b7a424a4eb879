import { TOMBSTONE_MS } from '../limits.ts'
import type { StreamName } from '../stream-store.ts'
import { isExpired } from './stream-row.ts'
import type { StreamRow, Tables } from './tables.ts'

/** The row of a name, or why there is none to use. */
export function resolveRow(tables: Tables, name: StreamName, now: number): StreamRow | 'missing' | 'gone' {
  const row = tables.row(name)
  if (row === undefined) return 'missing'
  if (row.gone) return 'gone'
  if (isExpired(row, now)) return row.forks > 0 ? 'gone' : 'missing'
  return row
}

/** Deletes a stream; kept for its forks where it has any. The last fork takes its deleted sources with it. */
export function release(tables: Tables, row: StreamRow, now: number): void {
  if (row.writer !== null) tables.saveTombstone(row, now, now - TOMBSTONE_MS)
  if (row.forks > 0) {
    tables.saveRow({ ...row, gone: true })
    return
  }
  let dead: StreamRow | undefined = row
  while (dead !== undefined) {
    tables.dropRow(dead)
    const source: StreamRow | undefined = dead.fork === null ? undefined : tables.rowById(dead.fork.sourceId)
    dead = undefined
    if (source !== undefined) {
      const lighter: StreamRow = { ...source, forks: source.forks - 1 }
      if (lighter.gone && lighter.forks === 0) dead = lighter
      else tables.saveRow(lighter)
    }
  }
}
