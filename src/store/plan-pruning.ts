import type { PackedChunks } from '../protocol/packed-chunks.ts'
import { endSeq } from '../protocol/packed-chunks.ts'
import { isFinished } from './is-finished.ts'
import type { StreamRow } from './log-store.ts'

/**
 * Where the log of an ended stream starts once what is beyond `maxSize` units of data is dropped from its start: the row that says so, and
 * `from`, the first seq that stays. Never its last chunk, and never more than what `packs` covers.
 * @param packs readable, in order, from the start of the log
 */
export function planPruning(
  row: StreamRow,
  packs: readonly PackedChunks[],
  maxSize: number,
): { row: StreamRow; from: number } {
  let { size, firstSeq: from } = row
  if (!isFinished(row)) return { row, from }
  for (const pack of packs) {
    for (let seq = Math.max(from, pack.fromSeq); size > maxSize && seq < Math.min(endSeq(pack), row.seq); seq++) {
      size -= pack.lengths[seq - pack.fromSeq] as number
      from = seq + 1
    }
  }
  if (from === row.firstSeq) return { row, from }
  return { row: { ...row, firstSeq: from, size, version: row.version + 1 }, from }
}
