import { encodePack, isPackedChunks, joinPacks, packSize } from '../protocol/packed-chunks.ts'
import type { PackedChunks } from '../protocol/packed-chunks.ts'
import { segmentsOf } from './idb-schema.ts'
import type { WriteTransaction } from './idb-transaction.ts'
import { Requests } from './idb-transaction.ts'
import { planRuns } from './plan-compaction.ts'

/** Records looked at in one transaction, which holds up everybody's commits: from few large ones to many small ones. */
const MIN_RECORDS = 16
const MAX_RECORDS = 512
const WINDOW_SIZE = 1024 * 1024

/** How far a compaction has come. */
export interface Compacted {
  /** The seq where the next window starts; what lies before needs no further look. */
  nextSeq: number
  /** How many records the next window should have. */
  count: number
  /** There was nothing behind this window. */
  end: boolean
}

export const FIRST_WINDOW: Compacted = { nextSeq: 0, count: 64, end: false }

/** Joins small neighbours among the next records of a stream. One transaction per window, so that commits get in between. */
export async function compactWindow(tx: WriteTransaction, streamId: string, window: Compacted): Promise<Compacted> {
  const { nextSeq: start, count } = window
  const segments = tx.objectStore('segments')
  const range = segmentsOf(streamId, start)
  const [keys, records] = await Promise.all([segments.getAllKeys(range, count), segments.getAll(range, count)])
  const readable = keys.flatMap(([, key], i): PackedChunks[] => {
    const record = records[i]
    return isPackedChunks(record) && record.fromSeq === key ? [record] : []
  })
  const requests = new Requests()
  const runs = planRuns(readable)
  for (const run of runs) {
    const [first] = run
    const last = run.at(-1) ?? first
    if (first === last) continue
    requests.add(segments.delete(IDBKeyRange.bound([streamId, first.fromSeq], [streamId, last.fromSeq])))
    requests.add(segments.put(encodePack(joinPacks(run)), [streamId, first.fromSeq]))
  }
  await requests.commit(tx)

  const size = readable.reduce((sum, record) => sum + packSize(record), 0)
  const lastKey = keys.at(-1)?.[1] ?? start
  const end = keys.length < count
  // The last run may go on in the next window, unless it is alone and did not grow in this one.
  const lastRun = runs.at(-1)
  const goOn = lastRun !== undefined && (end || lastRun[0].fromSeq > start || lastRun.length > 1)
  return {
    nextSeq: goOn ? lastRun[0].fromSeq : lastKey + 1,
    count: size > WINDOW_SIZE ? Math.max(MIN_RECORDS, count >> 1) : Math.min(MAX_RECORDS, count << 1),
    end,
  }
}
