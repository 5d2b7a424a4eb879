import { describe, expect, it } from 'vitest'
import { TailCache } from '../../../src/hub/tail-cache.ts'
import { packChunks, unpackChunks } from '../../../src/protocol/packed-chunks.ts'

const pack = (fromSeq: number, ...data: string[]) =>
  packChunks(
    data.map((text) => ({ time: 0, data: text })),
    fromSeq,
  )

describe('TailCache', () => {
  it('reads what was appended, in few packs', () => {
    const cache = new TailCache()
    for (let seq = 1; seq <= 100; seq++) cache.append(pack(seq, `${seq} `))
    const read = cache.read(41) ?? []
    expect(read).toHaveLength(1)
    expect(read.flatMap(unpackChunks).map(({ data }) => Number(data))).toEqual(
      Array.from({ length: 60 }, (_, i) => i + 41),
    )
  })

  it('forgets its oldest packs, and says how far back it reaches', () => {
    const cache = new TailCache()
    const big = 'x'.repeat(1024 * 1024)
    for (let seq = 1; seq <= 5; seq++) cache.append(pack(seq, big))
    expect(cache.fromSeq).toBeGreaterThan(1)
    expect(cache.read(1)).toBeNull()
  })

  it('starts over where an append does not continue it', () => {
    const cache = new TailCache()
    cache.append(pack(1, 'a'))
    cache.append(pack(5, 'e'))
    expect(cache.fromSeq).toBe(5)
  })
})
