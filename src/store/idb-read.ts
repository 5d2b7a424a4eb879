import { isPackedChunks, packSize } from '../protocol/packed-chunks.ts'
import type { LogDatabase } from './idb-schema.ts'
import type { Origins } from './idb-origins.ts'
import { segmentsOf } from './idb-schema.ts'
import { DEFAULT_MAX_CHUNKS, DEFAULT_MAX_SIZE, LogReading } from './log-reading.ts'
import type { LogRead } from './log-store.ts'
import { SEGMENT_MAX_CHUNKS, SEGMENT_MAX_SIZE } from './plan-compaction.ts'

/** So many records end a read, and no page of them has more: small ones take as long as they are many, and whoever waits shall see something soon. */
const MAX_RECORDS = 1024

/**
 * The body of `readLog`. Rows and records come from one transaction. Where a segment starts at `fromSeq`, as it does for who reads on, there
 * is one round trip per batch of large segments.
 */
export async function readSegments(
  db: LogDatabase,
  origins: Origins,
  streamId: string,
  fromSeq: number,
  limits?: { maxChunks?: number; maxSize?: number },
): Promise<LogRead | undefined> {
  const tx = db.transaction(['streams', 'origins', 'segments'], 'readonly')
  const segments = tx.objectStore('segments')
  const page = (start: number, count: number): Promise<[keys: [string, number][], records: unknown[]]> => {
    const range = segmentsOf(streamId, start)
    return Promise.all([segments.getAllKeys(range, count), segments.getAll(range, count)])
  }

  // As many compacted segments as the limit holds; where they are smaller, they are a sample of their size.
  const firstRecords = Math.min(
    Math.ceil((limits?.maxChunks ?? DEFAULT_MAX_CHUNKS) / SEGMENT_MAX_CHUNKS),
    Math.ceil((limits?.maxSize ?? DEFAULT_MAX_SIZE) / SEGMENT_MAX_SIZE),
  )
  const before = IDBKeyRange.bound([streamId, 0], [streamId, fromSeq], false, true)
  const [joined, holder, first] = await Promise.all([
    origins.get(tx, streamId),
    fromSeq > 1 ? segments.openKeyCursor(before, 'prev') : null,
    page(fromSeq, firstRecords),
  ])
  if (joined === undefined) return undefined
  const { row } = joined
  const reading = new LogReading(row, fromSeq, limits)
  let [keys, records] = first
  let count = firstRecords
  if (holder !== null && keys[0]?.[1] !== fromSeq && fromSeq <= row.seq) {
    reading.take(holder.key[1], await segments.get(holder.key))
  }
  const result = (more?: boolean): LogRead => ({ ...reading.result(more), fresh: true })
  for (let read = keys.length; ; read += keys.length) {
    for (const [i, [, key]] of keys.entries()) reading.take(key, records[i])
    const last = keys.at(-1)?.[1]
    if (reading.full || last === undefined || keys.length < count) return result()
    if (reading.suffices || (read >= MAX_RECORDS && !reading.isEmpty)) return result(true)
    const readable = records.filter(isPackedChunks)
    const chunks = readable.reduce((sum, { lengths }) => sum + lengths.length, 0)
    const size = readable.reduce((sum, record) => sum + packSize(record), 0)
    count = Math.min(MAX_RECORDS, reading.wanted(chunks / keys.length, size / keys.length))
    ;[keys, records] = await page(last + 1, count)
  }
}
