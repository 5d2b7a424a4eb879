/** A colour of the 256-colour palette (0 to 255), or `#rrggbb`. */
export type AnsiColour = number | `#${string}`

/** How text looks. The plain style is {@link PLAIN}; styles are immutable, so that a line can keep a reference to the one it starts with. */
export interface AnsiStyle {
  readonly fg?: AnsiColour
  readonly bg?: AnsiColour
  readonly bold?: boolean
  readonly dim?: boolean
  readonly italic?: boolean
  readonly underline?: boolean
  readonly strike?: boolean
  readonly inverse?: boolean
}

export const PLAIN: AnsiStyle = {}

/** A run of text in one style. */
export interface AnsiSegment {
  text: string
  style: AnsiStyle
}

// In order: CSI with parameters and final byte; OSC, DCS and the like up to BEL or ST; a two-character escape; what is cut off at the
// end of the line; any other control character but the tab (C0 without it, DEL, C1).
const CONTROL =
  // eslint-disable-next-line no-control-regex -- control characters are what this pattern is for
  /\u001b\[([0-9:;<=>?]*)[ -/]*([@-~])|\u001b[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)|\u001b[ -/]*[0-OQ-WYZ\\`-~]|\u001b.*$|[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/gs

const FLAGS: Readonly<Record<number, Partial<AnsiStyle>>> = {
  1: { bold: true },
  2: { dim: true },
  3: { italic: true },
  4: { underline: true },
  7: { inverse: true },
  9: { strike: true },
}

const CLEARS: Readonly<Record<number, readonly (keyof AnsiStyle)[]>> = {
  22: ['bold', 'dim'],
  23: ['italic'],
  24: ['underline'],
  27: ['inverse'],
  29: ['strike'],
  39: ['fg'],
  49: ['bg'],
}

const hex = (value: number): string => Math.min(255, value).toString(16).padStart(2, '0')

/** The colour after 38 or 48: `5;n` or `2;r;g;b`. Answers with the colour and how many codes it took. */
function extendedColour(codes: readonly number[], at: number): { colour: AnsiColour | undefined; taken: number } {
  const kind = codes[at]
  if (kind === 5) {
    const index = codes[at + 1]
    return { colour: index !== undefined && index <= 255 ? index : undefined, taken: 2 }
  }
  if (kind === 2) {
    const [red = 0, green = 0, blue = 0] = codes.slice(at + 1, at + 4)
    return { colour: `#${hex(red)}${hex(green)}${hex(blue)}`, taken: 4 }
  }
  return { colour: undefined, taken: 1 }
}

function without(style: AnsiStyle, names: readonly (keyof AnsiStyle)[]): AnsiStyle {
  const rest: { -readonly [K in keyof AnsiStyle]: AnsiStyle[K] } = { ...style }
  for (const name of names) delete rest[name]
  return rest
}

/** Applies the parameters of one SGR sequence (`ESC [ … m`, ECMA-48 8.3.117). What it does not know changes nothing. */
function applySgr(style: AnsiStyle, parameters: string): AnsiStyle {
  const codes = parameters.split(/[;:]/).map((code) => (code === '' ? 0 : Number(code)))
  let next = style
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i] as number
    if (code === 0) next = PLAIN
    else if (code === 38 || code === 48) {
      const { colour, taken } = extendedColour(codes, i + 1)
      if (colour !== undefined) next = { ...next, [code === 38 ? 'fg' : 'bg']: colour }
      i += taken
    } else if (code >= 30 && code <= 37) next = { ...next, fg: code - 30 }
    else if (code >= 40 && code <= 47) next = { ...next, bg: code - 40 }
    else if (code >= 90 && code <= 97) next = { ...next, fg: code - 82 }
    else if (code >= 100 && code <= 107) next = { ...next, bg: code - 92 }
    else if (FLAGS[code]) next = { ...next, ...FLAGS[code] }
    else if (CLEARS[code]) next = without(next, CLEARS[code])
  }
  return next
}

/**
 * Splits a line into styled runs. Only colours and weights are understood; every other escape sequence and control character is dropped,
 * so nothing that a program prints can do more than colour its own text.
 *
 * @param start - style in force where the line begins
 * @returns the runs, and the style in force where the next line begins
 */
export function parseAnsi(line: string, start: AnsiStyle = PLAIN): { segments: AnsiSegment[]; end: AnsiStyle } {
  const segments: AnsiSegment[] = []
  let style = start
  let at = 0
  const push = (text: string): void => {
    if (text === '') return
    const last = segments.at(-1)
    if (last?.style === style) last.text += text
    else segments.push({ text, style })
  }
  for (const match of line.matchAll(CONTROL)) {
    push(line.slice(at, match.index))
    at = match.index + match[0].length
    if (match[2] === 'm' && /^[\d;:]*$/.test(match[1] ?? '')) style = applySgr(style, match[1] ?? '')
  }
  push(line.slice(at))
  return { segments, end: style }
}

/** The text of a line alone. */
export function stripAnsi(line: string): string {
  return line.replace(CONTROL, '')
}

const CUBE = [0, 95, 135, 175, 215, 255] as const

/** The colour of a palette entry above the 16 that a theme defines, as `#rrggbb`. */
export function paletteColour(index: number): string {
  if (index >= 232) return `#${hex(8 + (index - 232) * 10).repeat(3)}`
  const cell = index - 16
  const channel = (value: number): string => hex(CUBE[value % 6] as number)
  return `#${channel(Math.floor(cell / 36))}${channel(Math.floor(cell / 6))}${channel(cell)}`
}
