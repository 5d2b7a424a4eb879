import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TailCache } from '../../../src/hub/tail-cache.ts'
import { packChunks, unpackChunks } from '../../../src/protocol/packed-chunks.ts'

const pack = (fromSeq: number, ...data: string[]) =>
  packChunks(
    data.map((text) => ({ time: 0, data: text })),
    fromSeq,
  )

describe('TailCache', () => {
  it('reads nothing behind a pack that did not fit whole: that would be a hole', () => {
    const cache = new TailCache()
    const big = 'b'.repeat(70_000)
    cache.append(pack(1, 'a', 'a', big))
    cache.append(pack(4, 'c'))
    const read = cache.read(1, 100, 1_000)
    expect(read?.flatMap(unpackChunks).map(({ seq }) => seq)).toEqual([1, 2])
  })

  it('reads what was appended, without a hole, in whatever portions', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.string({ maxLength: 40 }), { minLength: 1, maxLength: 8 }), {
          minLength: 1,
          maxLength: 12,
        }),
        fc.integer({ min: 1, max: 10 }),
        fc.integer({ min: 1, max: 100 }),
        (appends, maxChunks, maxSize) => {
          const cache = new TailCache()
          const all = appends.flat()
          let seq = 1
          for (const data of appends) {
            cache.append(pack(seq, ...data))
            seq += data.length
          }
          const seen: string[] = []
          while (seen.length < all.length) {
            const chunks = cache.read(seen.length + 1, maxChunks, maxSize)?.flatMap(unpackChunks) ?? []
            expect(chunks.length).toBeGreaterThan(0)
            for (const chunk of chunks) {
              expect(chunk.seq).toBe(seen.length + 1)
              seen.push(chunk.data as string)
            }
          }
          expect(seen).toEqual(all)
        },
      ),
    )
  })

  it('forgets its oldest packs, and says how far back it reaches', () => {
    const cache = new TailCache()
    const big = 'x'.repeat(1024 * 1024)
    for (let seq = 1; seq <= 5; seq++) cache.append(pack(seq, big))
    expect(cache.fromSeq).toBeGreaterThan(1)
    expect(cache.read(1, 10, 10)).toBeNull()
  })

  it('starts over where an append does not continue it', () => {
    const cache = new TailCache()
    cache.append(pack(1, 'a'))
    cache.append(pack(5, 'e'))
    expect(cache.fromSeq).toBe(5)
  })
})
