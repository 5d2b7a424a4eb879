import { endSeq, packSize, slicePack, type PackedChunks } from '../protocol/packed-chunks.ts'

/**
 * A batch is at most this large (PROTOCOL.md, 2.2): in chunks, and in units of data. It bounds what a tab that does not answer costs, and how long a
 * page is busy with one batch. Each batch costs a round trip: 50,000 lines are replayed in a fifth less time than in batches of 512 Ki.
 */
const MAX_CHUNKS = 60_000
const MAX_SIZE = 2 * 1024 * 1024

/** One batch's worth of packs. */
export interface Portion {
  packs: PackedChunks[]
  /** Whether nothing was left behind. */
  whole: boolean
}

/** What one batch may hold of packs in order, from `fromSeq` on: at least one chunk, where there is one. */
export function takePortion(
  packs: readonly PackedChunks[],
  fromSeq: number,
  maxChunks = MAX_CHUNKS,
  maxSize = MAX_SIZE,
): Portion {
  const portion: Portion = { packs: [], whole: false }
  let chunks = 0
  let size = 0
  // From the end: cursors that keep up want the last packs, of perhaps many.
  let first = packs.length - 1
  while (first > 0 && (packs[first] as PackedChunks).fromSeq > fromSeq) first--
  for (const pack of packs.slice(Math.max(0, first))) {
    if (chunks >= maxChunks || size >= maxSize) return portion
    const part = slicePack(pack, fromSeq, maxChunks - chunks, maxSize - size)
    if (part === null) continue
    portion.packs.push(part)
    // What did not fit comes first next time; the pack behind it would leave a hole.
    if (endSeq(part) < endSeq(pack)) return portion
    chunks += part.lengths.length
    size += packSize(part)
  }
  portion.whole = true
  return portion
}
