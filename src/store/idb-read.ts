import { isPackedChunks, packSize } from '../protocol/packed-chunks.ts'
import type { LogDatabase } from './idb-schema.ts'
import type { Origins } from './idb-origins.ts'
import { segmentsOf } from './idb-schema.ts'
import { DEFAULT_MAX_CHUNKS, LogReading } from './log-reading.ts'
import type { LogRead } from './log-store.ts'
import { SEGMENT_MAX_CHUNKS } from './plan-compaction.ts'

/** Most records asked for at once. */
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
  const firstRecords = Math.ceil((limits?.maxChunks ?? DEFAULT_MAX_CHUNKS) / SEGMENT_MAX_CHUNKS)
  const before = IDBKeyRange.bound([streamId, 0], [streamId, fromSeq], false, true)
  const [joined, holder, first] = await Promise.all([
    origins.get(tx, streamId),
    segments.openKeyCursor(before, 'prev'),
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
  for (;;) {
    let chunks = 0
    let size = 0
    for (const [i, [, key]] of keys.entries()) {
      const record = records[i]
      reading.take(key, record)
      if (!isPackedChunks(record)) continue
      chunks += record.lengths.length
      size += packSize(record)
    }
    const last = keys.at(-1)?.[1]
    if (reading.full || last === undefined || keys.length < count) return reading.result()
    count = Math.min(MAX_RECORDS, reading.wanted(chunks / keys.length, size / keys.length))
    ;[keys, records] = await page(last + 1, count)
  }
}
