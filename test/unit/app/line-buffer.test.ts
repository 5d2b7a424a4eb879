import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LineBuffer } from '../../../src/app/lib/line-buffer.ts'
import type { LineBufferOptions } from '../../../src/app/lib/line-buffer.ts'

function textsOf(buffer: LineBuffer): string[] {
  return Array.from({ length: buffer.count }, (_, i) => {
    const line = buffer.line(i)
    return line ? line.segments.map(({ text }) => text).join('') : 'missing'
  })
}

function linesOf(chunks: readonly (string | Uint8Array)[], options?: LineBufferOptions): string[] {
  const buffer = new LineBuffer(options)
  for (const chunk of chunks) buffer.append(chunk)
  buffer.end()
  return textsOf(buffer)
}

describe('LineBuffer', () => {
  test('splits at LF and CRLF, keeps empty lines, and shows an unfinished last line', () => {
    expect(linesOf(['a\r\n\nb\nc'])).toEqual(['a', '', 'b', 'c'])
  })

  test('a CRLF that is split between two chunks ends one line', () => {
    expect(linesOf(['a\r', '\nb'])).toEqual(['a', 'b'])
  })

  test('a character that is split between two chunks comes out whole', () => {
    const bytes = new TextEncoder().encode('grün €\n')
    for (let i = 0; i <= bytes.length; i++) expect(linesOf([bytes.slice(0, i), bytes.slice(i)])).toEqual(['grün €'])
  })

  test('bytes that are no UTF-8 become replacement characters and hurt no other line', () => {
    expect(linesOf([new Uint8Array([0x61, 0xff, 0x0a]), 'b'])).toEqual(['a\ufffd', 'b'])
  })

  test('a carriage return starts the line anew, and what it does not cover stays', () => {
    expect(linesOf(['  1 %\r 50 %\r100 %\n'])).toEqual(['100 %'])
    expect(linesOf(['abcdef\rXY'])).toEqual(['XYcdef'])
    expect(linesOf(['50 %\r', '100 %'])).toEqual(['100 %'])
  })

  test('a long line that is written over keeps what can be shown of it; one that only ends in CRLF keeps all', () => {
    const buffer = new LineBuffer({ maxShown: 10 })
    buffer.append(`${'x'.repeat(100)}\r\n${'x'.repeat(100)}\rab`)
    expect(buffer.line(0)?.hidden).toBe(90)
    expect(textsOf(buffer)[1]).toBe('abxxxxxxxx')
    buffer.append('\r')
    expect(buffer.size).toBe(110)
  })

  test('colours go on into the next line', () => {
    const buffer = new LineBuffer()
    buffer.append('\u001b[31mred\nstill red\n')
    expect(buffer.line(1)?.segments[0]?.style).toEqual({ fg: 1 })
  })

  test('does not depend on where the bytes were cut', () => {
    const piece = fc.constantFrom('a', 'bc', '\n', '\r', '\r\n', '€', '😀', '\u001b[31m', '\u001b[0m', ' ')
    fc.assert(
      fc.property(fc.array(piece), fc.array(fc.nat(200)), (pieces, cuts) => {
        const bytes = new TextEncoder().encode(pieces.join(''))
        const places = [...new Set([0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length])].sort(
          (a, b) => a - b,
        )
        const chunks = places.slice(1).map((end, i) => bytes.slice(places[i], end))
        expect(linesOf(chunks)).toEqual(linesOf([bytes]))
      }),
      { numRuns: 2000 },
    )
  })

  test('keeps the last lines only, says how many went, and goes on counting', () => {
    const buffer = new LineBuffer({ maxLines: 100 })
    for (let i = 1; i <= 1000; i++) buffer.append(`line ${i}\n`)
    expect(buffer.count).toBeLessThanOrEqual(100)
    expect(buffer.count).toBeGreaterThanOrEqual(90)
    expect(buffer.dropped + buffer.count).toBe(1000)
    const last = buffer.line(buffer.count - 1)
    expect(last?.number).toBe(1000)
    expect(last?.segments[0]?.text).toBe('line 1000')
  })

  test('keeps no more text than it may, whatever the length of the lines', () => {
    const buffer = new LineBuffer({ maxSize: 1000 })
    for (let i = 0; i < 50; i++) buffer.append(`${'x'.repeat(300)}\n`)
    expect(buffer.count).toBeLessThanOrEqual(3)
    expect(buffer.dropped + buffer.count).toBe(50)
  })

  test('a line that never ends is cut, too', () => {
    const buffer = new LineBuffer({ maxSize: 1000 })
    for (let i = 0; i < 50; i++) buffer.append('x'.repeat(300))
    expect(buffer.size).toBeLessThanOrEqual(1300)
  })

  test('a line that is too long to show says how much it hides', () => {
    const buffer = new LineBuffer({ maxShown: 10 })
    buffer.append('0123456789abc\n')
    expect(buffer.line(0)).toMatchObject({ hidden: 3, segments: [{ text: '0123456789' }] })
  })

  test('a note stands between the lines around it', () => {
    const buffer = new LineBuffer()
    buffer.append('a\nunfinished')
    buffer.note('2 chunks are missing here.')
    buffer.append('b\n')
    expect(textsOf(buffer)).toEqual(['a', 'unfinished', '2 chunks are missing here.', 'b'])
    expect(buffer.line(2)?.note).toBe(true)
  })
})
