import type { PackedChunks } from '../protocol/packed-chunks.ts'
import { endSeq, isText, packSize, slicePack } from '../protocol/packed-chunks.ts'

/**
 * How large a segment grows by compaction. One is read in about 1 ms, and whoever needs a few chunks of it reads it whole.
 */
export const SEGMENT_MAX_CHUNKS = 5_000
export const SEGMENT_MAX_SIZE = 256 * 1024

/** Neighbouring segments that become one. */
export type Run = readonly [PackedChunks, ...PackedChunks[]]

/** Groups segments, in order, into the largest runs that stay within the limits: contiguous, and all text or all bytes. */
export function planRuns(segments: readonly PackedChunks[]): Run[] {
  const runs: [PackedChunks, ...PackedChunks[]][] = []
  let chunks = 0
  let size = 0
  for (const segment of segments) {
    const run = runs.at(-1)
    const last = run?.at(-1)
    chunks += segment.lengths.length
    size += packSize(segment)
    if (
      run !== undefined &&
      last !== undefined &&
      endSeq(last) === segment.fromSeq &&
      isText(last) === isText(segment) &&
      chunks <= SEGMENT_MAX_CHUNKS &&
      size <= SEGMENT_MAX_SIZE
    ) {
      run.push(segment)
      continue
    }
    runs.push([segment])
    chunks = segment.lengths.length
    size = packSize(segment)
  }
  return runs
}

/** A pack as segments within the limits: of one that is larger than a read, every read would decode all. A larger chunk stays alone. */
export function splitPack(pack: PackedChunks): PackedChunks[] {
  const parts: PackedChunks[] = []
  let part = slicePack(pack, pack.fromSeq, SEGMENT_MAX_CHUNKS, SEGMENT_MAX_SIZE)
  while (part !== null) {
    parts.push(part)
    part = slicePack(pack, endSeq(part), SEGMENT_MAX_CHUNKS, SEGMENT_MAX_SIZE)
  }
  return parts
}
