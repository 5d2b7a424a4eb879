import type { Gap } from '../protocol/chunk.ts'
import { endSeq, slicePack, type PackedChunks } from '../protocol/packed-chunks.ts'
import type { StreamRow } from '../store/log-store.ts'

/** A run of the log as a tab gets it: packs and gaps that cover every seq from `fromSeq` to `toSeq - 1`. */
export interface Run {
  fromSeq: number
  toSeq: number
  packs: PackedChunks[]
  gaps: Gap[]
}

/**
 * What was read of a log as a run without silence (I3): known gaps are cut out of the packs, and a hole that nobody explained is
 * one that retention made, before the first kept seq, or a damaged record.
 */
export function coverRun(row: StreamRow, fromSeq: number, toSeq: number, packs: readonly PackedChunks[]): Run {
  const run: Run = { fromSeq, toSeq, packs: [], gaps: [] }
  const known = row.gaps.filter((gap) => gap.toSeq >= fromSeq && gap.fromSeq < toSeq)
  let next = fromSeq
  const missing = (upTo: number): void => {
    while (next < upTo) {
      const gap = known.find(({ toSeq: to }) => to >= next)
      if (gap !== undefined && gap.fromSeq <= next) {
        const end = Math.min(gap.toSeq, upTo - 1)
        run.gaps.push({ fromSeq: next, toSeq: end, reason: gap.reason })
        next = end + 1
      } else if (next < row.firstSeq) {
        const end = Math.min(row.firstSeq, upTo) - 1
        run.gaps.push({ fromSeq: next, toSeq: end, reason: 'retention' })
        next = end + 1
      } else {
        const end = Math.min(gap?.fromSeq ?? Infinity, upTo) - 1
        run.gaps.push({ fromSeq: next, toSeq: end, reason: 'damaged' })
        next = end + 1
      }
    }
  }
  for (const whole of packs) {
    let rest: PackedChunks | null = slicePack(whole, next)
    while (rest !== null) {
      missing(rest.fromSeq)
      const at: number = rest.fromSeq
      const gap = known.find(({ toSeq: to }) => to >= at)
      if (gap !== undefined && gap.fromSeq <= at) {
        missing(Math.min(gap.toSeq + 1, endSeq(rest)))
      } else {
        const part = gap === undefined ? rest : slicePack(rest, at, gap.fromSeq - at)
        if (part === null) break
        run.packs.push(part)
        next = endSeq(part)
      }
      rest = slicePack(whole, next)
    }
  }
  missing(toSeq)
  return run
}
