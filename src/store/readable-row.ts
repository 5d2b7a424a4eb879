import type { StoredRow } from './idb-schema.ts'

/** A row as it came from the disk, or `undefined` where it is not one: to a reader that is a stream that does not exist. */
export function readableRow(value: unknown): StoredRow | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { streamId, channel, seq, firstSeq, epoch, version, position, gaps, verbIds, origin } =
    value as Partial<StoredRow>
  const readable =
    typeof streamId === 'string' &&
    typeof channel === 'string' &&
    [seq, firstSeq, epoch, version].every((count) => Number.isSafeInteger(count)) &&
    typeof position === 'object' &&
    position !== null &&
    Array.isArray(gaps) &&
    Array.isArray(verbIds) &&
    typeof origin === 'number'
  return readable ? (value as StoredRow) : undefined
}
