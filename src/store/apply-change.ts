import { HeadwaterError } from '../protocol/errors.ts'
import type { PackedChunks } from '../protocol/packed-chunks.ts'
import { endSeq, isPackedChunks } from '../protocol/packed-chunks.ts'
import type { RowChange, StreamRow } from './log-store.ts'

/** What a change wants written. */
export interface AppliedChange {
  row: StreamRow
  packs: readonly PackedChunks[]
}

/** The seq after the gaps that stand at `seq`, or `seq` itself where none does. */
function afterGaps(row: StreamRow, seq: number): number {
  const gap = row.gaps.find(({ fromSeq, toSeq }) => fromSeq <= seq && seq <= toSeq)
  return gap === undefined ? seq : afterGaps(row, gap.toSeq + 1)
}

/**
 * Asks a change what shall be, and refuses what would leave a hole in the log: its packs continue it exactly, seqs that the new row itself
 * declares as a gap excepted. `null` where the change leaves everything as it is.
 * @throws {HeadwaterError} `store` for a row or packs that do not fit; nothing of them may be written
 */
export function applyChange(old: StreamRow | undefined, change: RowChange): AppliedChange | null {
  const decided = change.decide(old)
  if (decided === null) return null
  const { row, packs = [] } = decided
  const refuse = (what: string): HeadwaterError =>
    new HeadwaterError('store', `Refused to write to the log of "${change.streamId}": ${what}.`, {
      streamId: change.streamId,
      committed: old?.seq ?? 0,
      seq: row.seq,
    })

  if (row.streamId !== change.streamId) throw refuse('the row belongs to another stream')
  let next = (old?.seq ?? 0) + 1
  for (const pack of packs) {
    if (!isPackedChunks(pack)) throw refuse('a pack whose parts do not fit each other')
    if (pack.fromSeq !== next) next = afterGaps(row, next)
    if (pack.fromSeq !== next) throw refuse(`the chunks start at seq ${pack.fromSeq} where ${next} follows`)
    next = endSeq(pack)
  }
  if (row.seq + 1 !== next) next = afterGaps(row, next)
  if (row.seq + 1 !== next) throw refuse(`the row says seq ${row.seq} where the log ends at ${next - 1}`)
  return { row, packs }
}

/**
 * Checks a row that `openChannel` is to write: of this channel, and with its log left as it is.
 * @throws {HeadwaterError} `store`
 */
export function applyRow(
  channel: string,
  rows: readonly StreamRow[],
  row: StreamRow,
): { row: StreamRow; isNew: boolean } {
  if (row.channel !== channel) {
    throw new HeadwaterError('store', `Refused to write a stream of "${row.channel}" while opening "${channel}".`)
  }
  const old = rows.find(({ streamId }) => streamId === row.streamId)
  applyChange(old, { streamId: row.streamId, decide: () => ({ row }) })
  return { row, isNew: old === undefined }
}

/** The refusal of a new stream whose id another channel's stream has. */
export function idTaken(streamId: string): HeadwaterError {
  return new HeadwaterError('bad-id', `A stream "${streamId}" exists in another channel; choose another id.`, streamId)
}
