import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { takePortion } from '../../../src/hub/take-portion.ts'
import { packChunks, unpackChunks } from '../../../src/protocol/packed-chunks.ts'

const pack = (fromSeq: number, ...data: string[]) =>
  packChunks(
    data.map((text) => ({ time: 0, data: text })),
    fromSeq,
  )

describe('takePortion', () => {
  it('takes nothing behind a pack that did not fit whole: that would be a hole', () => {
    const packs = [...pack(1, 'a', 'a', 'b'.repeat(2_000)), ...pack(4, 'c')]
    const { packs: taken, whole } = takePortion(packs, 1, 100, 1_000)
    expect(taken.flatMap(unpackChunks).map(({ seq }) => seq)).toEqual([1, 2])
    expect(whole).toBe(false)
  })

  it('takes one chunk that is larger than the limit, alone', () => {
    const packs = pack(1, 'b'.repeat(2_000), 'c')
    expect(takePortion(packs, 1, 100, 1_000).packs.flatMap(unpackChunks)).toHaveLength(1)
  })

  it('takes all there is, in order, in whatever portions', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.string({ maxLength: 40 }), { minLength: 1, maxLength: 8 }), {
          minLength: 1,
          maxLength: 12,
        }),
        fc.integer({ min: 1, max: 10 }),
        fc.integer({ min: 1, max: 100 }),
        (appends, maxChunks, maxSize) => {
          const all = appends.flat()
          let seq = 1
          const packs = appends.flatMap((data) => {
            const made = pack(seq, ...data)
            seq += data.length
            return made
          })
          const seen: string[] = []
          while (seen.length < all.length) {
            const portion = takePortion(packs, seen.length + 1, maxChunks, maxSize)
            const chunks = portion.packs.flatMap(unpackChunks)
            expect(chunks.length).toBeGreaterThan(0)
            for (const chunk of chunks) {
              expect(chunk.seq).toBe(seen.length + 1)
              seen.push(chunk.data as string)
            }
            expect(portion.whole).toBe(seen.length === all.length)
          }
          expect(seen).toEqual(all)
        },
      ),
    )
  })
})
