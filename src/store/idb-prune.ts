import { isPackedChunks, slicePack, type PackedChunks } from '../protocol/packed-chunks.ts'
import type { Origins } from './idb-origins.ts'
import { splitRow } from './idb-origins.ts'
import { segmentsOf } from './idb-schema.ts'
import type { WriteTransaction } from './idb-transaction.ts'
import { Requests } from './idb-transaction.ts'
import type { StreamRow } from './log-store.ts'
import { planPruning } from './plan-pruning.ts'

/** Records looked at in one transaction, of 256 Ki units at most: it holds up everybody's commits. */
const MAX_RECORDS = 16

/** Drops what one transaction may of the start of an ended stream. `more`: there is more to drop, in a transaction of its own. */
export async function pruneWindow(
  tx: WriteTransaction,
  origins: Origins,
  streamId: string,
  maxSize: number,
): Promise<{ row: StreamRow | undefined; more: boolean }> {
  const segments = tx.objectStore('segments')
  const requests = new Requests()
  const joined = await origins.get(tx, streamId)
  if (joined === undefined || joined.row.ending === null || joined.row.size <= maxSize) {
    await requests.commit(tx)
    return { row: joined?.row, more: false }
  }
  const range = segmentsOf(streamId)
  const [keys, records] = await Promise.all([
    segments.getAllKeys(range, MAX_RECORDS),
    segments.getAll(range, MAX_RECORDS),
  ])
  const packs = records.filter((record, i): record is PackedChunks => {
    return isPackedChunks(record) && record.fromSeq === keys[i]?.[1]
  })
  const { row, from } = planPruning(joined.row, packs, maxSize)
  const cut = packs.find((pack) => pack.fromSeq < from && slicePack(pack, from) !== null)
  // What cannot be read before the new start goes with the rest.
  for (const key of keys) if (key[1] < from) requests.add(segments.delete(key))
  const rest = cut && slicePack(cut, from)
  if (rest) requests.add(segments.put(rest, [streamId, from]))
  if (row !== joined.row) requests.add(tx.objectStore('streams').put(splitRow(row, joined).stored))
  await requests.commit(tx)
  // Damaged records have no size that could be dropped: where a window changes nothing, the next would not either.
  return { row, more: row !== joined.row && row.size > maxSize && keys.length === MAX_RECORDS }
}
