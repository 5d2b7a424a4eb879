import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { NewChunk } from '../../../src/protocol/chunk.ts'
import {
  dataOf,
  encodePack,
  endSeq,
  isPackedChunks,
  isText,
  joinPacks,
  packChunks,
  slicePack,
  unpackChunks,
  type PackedChunks,
} from '../../../src/protocol/packed-chunks.ts'

/** So much that it is worth encoding. */
const FILLING = 'ordinary text '.repeat(1_200)

const packOf = (...data: (string | Uint8Array)[]): PackedChunks => {
  const [pack, ...more] = packChunks(
    data.map((data, i): NewChunk => ({ time: i, data })),
    1,
  )
  if (pack === undefined || more.length > 0) throw new Error('These are not one pack.')
  return pack
}

const textsOf = (pack: PackedChunks): unknown[] => unpackChunks(pack).map(({ data }) => data)

describe('much text is encoded', () => {
  it('in one byte per unit where all of it is ASCII', () => {
    const encoded = encodePack(packOf(FILLING, 'end\n'))
    expect(encoded).toMatchObject({ encoded: true, data: expect.any(Uint8Array) as unknown })
    expect(isText(encoded)).toBe(true)
    expect(textsOf(encoded)).toEqual([FILLING, 'end\n'])
  })

  it('in two where it is not', () => {
    const data = ['\uFEFFafter a byte order mark', FILLING, '✓ 日本語 🙂']
    const encoded = encodePack(packOf(...data))
    expect(encoded.data).toBeInstanceOf(Uint16Array)
    expect(textsOf(encoded)).toEqual(data)
  })

  it.each<[string, string[]]>([
    ['with half a character', [FILLING, 'half: \uD83D, and on']],
    ['with a character that two chunks share', [FILLING, 'one \uD83D', '\uDE42 two']],
    ['that is short', ['short']],
  ])('but not text %s', (_, data) => {
    const pack = packOf(...data)
    expect(encodePack(pack)).toBe(pack)
    expect(textsOf(pack)).toEqual(data)
  })

  it('and bytes are left as they are', () => {
    const pack = packOf(new Uint8Array(100_000).fill(65))
    expect(encodePack(pack)).toBe(pack)
    expect(isText(pack)).toBe(false)
    expect(dataOf(pack)).toBeInstanceOf(Uint8Array)
  })

  it('or nothing that is no text', () => {
    const encoded = encodePack(packOf(FILLING))
    expect(isPackedChunks(encoded)).toBe(true)
    expect(isPackedChunks({ ...encoded, data: FILLING })).toBe(false)
    expect(isPackedChunks({ ...encoded, encoded: undefined, data: new Uint16Array(FILLING.length) })).toBe(false)
    expect(isPackedChunks({ ...encoded, data: encoded.data.slice(1) })).toBe(false)
  })
})

it('whatever is written comes back, sliced and joined in any way, encoded or not', () => {
  const filling = fc.constantFrom('', FILLING, 'é'.repeat(17_000))
  const piece = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 8 }),
    fc.string({ unit: 'grapheme-ascii', maxLength: 8 }),
    fc.constantFrom('\uD83D', '\uDE42', '🙂', '\uFEFF', ''),
  )
  const pieces = fc.array(piece, { maxLength: 12 })
  const data = fc.tuple(pieces, filling, pieces).map(([before, middle, after]) => [...before, middle, ...after])
  const cut = fc.record({ skip: fc.nat(12), chunks: fc.integer({ min: 1, max: 12 }), size: fc.nat(60) })
  fc.assert(
    fc.property(data, cut, (data, { skip, chunks, size }) => {
      const pack = packOf(...data)
      const encoded = encodePack(pack)
      const slice = slicePack(encoded, 1 + skip, chunks, size)
      const expected = slicePack(pack, 1 + skip, chunks, size)
      expect(slice && textsOf(slice)).toEqual(expected && textsOf(expected))
      const rest = slice && slicePack(encoded, endSeq(slice))
      const parts = [slicePack(encoded, 1, skip), slice, rest].filter((part) => part !== null)
      const [first, ...more] = parts.filter(({ lengths }) => lengths.length > 0)
      if (slice && first) expect(textsOf(joinPacks([first, ...more]))).toEqual(data)
    }),
  )
})
