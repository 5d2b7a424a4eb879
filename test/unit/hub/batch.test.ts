import fc from 'fast-check'
import { expect, it } from 'vitest'
import { coverRun } from '../../../src/hub/batch.ts'
import { newRow } from '../../../src/hub/row.ts'
import type { Gap } from '../../../src/protocol/chunk.ts'
import { packChunks, unpackChunks, type PackedChunks } from '../../../src/protocol/packed-chunks.ts'
import { source } from './world.ts'

const row = newRow({ streamId: 's', channel: 'c', source: source() }, 0)

/** Seqs 1 to 40, of which some are stored, some are known gaps, some pruned. */
const logs = fc.record({
  stored: fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }),
  gaps: fc.uniqueArray(fc.record({ at: fc.integer({ min: 1, max: 38 }), length: fc.integer({ min: 1, max: 3 }) }), {
    maxLength: 4,
    selector: ({ at }) => Math.floor(at / 4),
  }),
  firstSeq: fc.integer({ min: 1, max: 12 }),
  fromSeq: fc.integer({ min: 1, max: 41 }),
})

it('covers every seq exactly once, with its chunk, or with a gap that says why', () => {
  fc.assert(
    fc.property(logs, ({ stored, gaps: drawn, firstSeq, fromSeq }) => {
      const gaps: Gap[] = []
      for (const { at, length } of drawn.sort((a, b) => a.at - b.at)) {
        const fromGap = Math.max(at, (gaps.at(-1)?.toSeq ?? 0) + 1)
        if (fromGap <= at + length - 1)
          gaps.push({ fromSeq: fromGap, toSeq: at + length - 1, reason: 'upstream-changed' })
      }
      const packs: PackedChunks[] = []
      for (let seq = 1; seq <= 40; seq++) {
        if (stored[seq - 1] !== true) continue
        let to = seq
        while (to < 40 && stored[to] === true) to++
        packs.push(
          ...packChunks(
            Array.from({ length: to - seq + 1 }, (_, i) => ({ time: 0, data: `${seq + i}` })),
            seq,
          ),
        )
        seq = to
      }
      const read = packs.filter((pack) => pack.fromSeq + pack.lengths.length > fromSeq)
      const run = coverRun({ ...row, seq: 40, firstSeq, gaps }, fromSeq, 41, read)
      const seen: string[] = []
      for (const chunk of run.packs.flatMap(unpackChunks)) {
        expect(chunk.data).toBe(String(chunk.seq))
        seen[chunk.seq] = `${seen[chunk.seq] ?? ''}chunk`
      }
      for (const gap of run.gaps)
        for (let seq = gap.fromSeq; seq <= gap.toSeq; seq++) seen[seq] = `${seen[seq] ?? ''}${gap.reason}`
      for (let seq = 1; seq <= 40; seq++) {
        if (seq < fromSeq) expect(seen[seq]).toBeUndefined()
        else if (stored[seq - 1] === true && !gaps.some((gap) => gap.fromSeq <= seq && seq <= gap.toSeq))
          expect(seen[seq]).toBe('chunk')
        else expect(['retention', 'damaged', 'upstream-changed']).toContain(seen[seq])
      }
      expect(seen).toHaveLength(fromSeq > 40 ? 0 : 41)
    }),
  )
})
