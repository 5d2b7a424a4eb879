import { describe, expect, test } from 'vitest'
import { PLAIN, paletteColour, parseAnsi, stripAnsi } from '../../../src/app/lib/ansi.ts'

const ESC = '\u001b'

describe('parseAnsi', () => {
  test('a line without sequences is one plain run', () => {
    expect(parseAnsi('hello <b>')).toEqual({ segments: [{ text: 'hello <b>', style: PLAIN }], end: PLAIN })
  })

  test('colours and weights begin and end where the sequences say', () => {
    const { segments, end } = parseAnsi(`a${ESC}[1;31mb${ESC}[22mc${ESC}[0md`)
    expect(segments).toEqual([
      { text: 'a', style: {} },
      { text: 'b', style: { bold: true, fg: 1 } },
      { text: 'c', style: { fg: 1 } },
      { text: 'd', style: {} },
    ])
    expect(end).toEqual({})
  })

  test('bright, 256-colour and true colours are understood, with semicolons or colons', () => {
    const styleOf = (codes: string) => parseAnsi(`${ESC}[${codes}mx`).segments[0]?.style
    expect(styleOf('91')).toEqual({ fg: 9 })
    expect(styleOf('38;5;208')).toEqual({ fg: 208 })
    expect(styleOf('48;2;1;2;255;4')).toEqual({ bg: '#0102ff', underline: true })
    expect(styleOf('38:5:3')).toEqual({ fg: 3 })
    expect(styleOf('38;5;999')).toEqual({})
  })

  test('a style goes on into the next line', () => {
    const first = parseAnsi(`${ESC}[32mgreen`)
    expect(parseAnsi('still', first.end).segments).toEqual([{ text: 'still', style: { fg: 2 } }])
  })

  test('cursor movement, titles, links and control characters vanish; their text stays', () => {
    const line = `${ESC}[2K${ESC}]0;title\u0007a${ESC}]8;;https://example.com${ESC}\\link${ESC}]8;;${ESC}\\\u0008\u009b${ESC}(B\tb`
    expect(parseAnsi(line).segments).toEqual([{ text: 'alink\tb', style: {} }])
  })

  test('a sequence that is cut off at the end of the line shows nothing', () => {
    expect(stripAnsi(`done${ESC}[3`)).toBe('done')
    expect(stripAnsi(`done${ESC}`)).toBe('done')
  })
})

describe('paletteColour', () => {
  test('knows the corners of the cube and the greys', () => {
    expect([16, 21, 196, 231, 232, 255].map(paletteColour)).toEqual([
      '#000000',
      '#0000ff',
      '#ff0000',
      '#ffffff',
      '#080808',
      '#eeeeee',
    ])
  })
})
