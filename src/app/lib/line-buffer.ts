import { parseAnsi, PLAIN } from './ansi.ts'
import type { AnsiSegment, AnsiStyle } from './ansi.ts'

/** One line, ready to be shown. */
export interface LogLine {
  /** 1 for the first line of the stream, counted over lines that are no longer kept, too. */
  number: number
  segments: AnsiSegment[]
  /** Characters that were left out because the line is too long to show. */
  hidden: number
  /** True for what the view itself says (a gap), not the stream. */
  note: boolean
}

export interface LineBufferOptions {
  /** Lines kept in memory. Default 200,000: about the number at which a tab still answers at once on a phone. */
  maxLines?: number
  /** UTF-16 units kept in memory. Default 64 Mi. */
  maxSize?: number
  /** Characters of one line that are shown. Default 4,000: layout of longer lines stalls the page. */
  maxShown?: number
}

interface StoredLine {
  text: string
  /** Style in force at its start. */
  style: AnsiStyle
  note: boolean
}

/**
 * Writes `over` on a line from its first column, as a terminal does after a carriage return. Of what it does not cover `limit` characters stay:
 * a long line that is written over again and again must not cost its whole length each time.
 */
function overwrite(line: string, over: string, limit: number): string {
  if (over === '') return line
  // With escape sequences columns are not characters; programs that colour their progress bars rewrite all of it.
  const hasEscape = line.includes('\u001b') || over.includes('\u001b')
  return hasEscape || over.length >= line.length ? over : over + line.slice(over.length, limit)
}

/**
 * Bytes or texts in, lines out: decodes UTF-8 across chunks, splits at LF and CRLF, lets a lone CR start the line anew (progress bars), and
 * keeps the last lines only. Appending is linear in what is appended.
 */
export class LineBuffer {
  readonly #maxLines: number
  readonly #maxSize: number
  readonly #maxShown: number
  readonly #decoder = new TextDecoder()
  #lines: StoredLine[] = []
  #dropped = 0
  #size = 0
  #style = PLAIN
  /** The unfinished line up to its last carriage return, and what was written over it since. A CR before LF so changes nothing. */
  #under = ''
  #over = ''

  constructor({ maxLines = 200_000, maxSize = 64 * 1024 * 1024, maxShown = 4000 }: LineBufferOptions = {}) {
    this.#maxLines = maxLines
    this.#maxSize = maxSize
    this.#maxShown = maxShown
  }

  /** Lines that can be asked for, the unfinished last one included. */
  get count(): number {
    return this.#lines.length + (this.#hasOpen ? 1 : 0)
  }

  /** Lines that were let go of. */
  get dropped(): number {
    return this.#dropped
  }

  /** UTF-16 units kept, the unfinished line included. */
  get size(): number {
    return this.#size + this.#under.length + this.#over.length
  }

  append(data: string | Uint8Array): void {
    const text = typeof data === 'string' ? data : this.#decoder.decode(data, { stream: true })
    if (text === '') return
    let at = 0
    for (;;) {
      const end = text.indexOf('\n', at)
      if (end === -1) break
      this.#write(text.slice(at, end))
      this.#finishLine()
      at = end + 1
    }
    this.#write(text.slice(at))
    // What shows no more of a line than its beginning need not keep a line for ever that has no end.
    if (this.#over.length > this.#maxSize) this.#finishLine()
    this.#trim()
  }

  /** The stream ended: what a decoder held back is shown. */
  end(): void {
    this.#write(this.#decoder.decode())
  }

  /** Something that the view has to say at this place. */
  note(text: string): void {
    if (this.#hasOpen) this.#finishLine()
    this.#lines.push({ text, style: PLAIN, note: true })
    this.#size += text.length
  }

  /** The line at a place from 0 to `count - 1`, `undefined` outside. */
  line(index: number): LogLine | undefined {
    const stored =
      index === this.#lines.length && this.#hasOpen
        ? { text: this.#open, style: this.#style, note: false }
        : this.#lines[index]
    if (!stored) return undefined
    const hidden = Math.max(0, stored.text.length - this.#maxShown)
    const shown = hidden === 0 ? stored.text : stored.text.slice(0, this.#maxShown)
    return {
      number: this.#dropped + index + 1,
      segments: parseAnsi(shown, stored.style).segments,
      hidden,
      note: stored.note,
    }
  }

  get #hasOpen(): boolean {
    return this.#under !== '' || this.#over !== ''
  }

  get #open(): string {
    return overwrite(this.#under, this.#over, this.#maxShown)
  }

  #write(text: string): void {
    let at = 0
    for (;;) {
      const end = text.indexOf('\r', at)
      this.#over += end === -1 ? text.slice(at) : text.slice(at, end)
      if (end === -1) return
      this.#under = this.#open
      this.#over = ''
      at = end + 1
    }
  }

  #finishLine(): void {
    const text = this.#open
    this.#lines.push({ text, style: this.#style, note: false })
    this.#size += text.length
    if (text.includes('\u001b')) this.#style = parseAnsi(text, this.#style).end
    this.#under = ''
    this.#over = ''
  }

  /** In blocks of a tenth, so that the cost of moving the rest is spread over many lines. */
  #trim(): void {
    if (this.#lines.length <= this.#maxLines && this.#size <= this.#maxSize) return
    let drop = Math.max(0, this.#lines.length - Math.floor(this.#maxLines * 0.9))
    let size = this.#size
    for (let i = 0; i < drop; i++) size -= this.#lines[i]?.text.length ?? 0
    while (size > this.#maxSize && drop < this.#lines.length) size -= this.#lines[drop++]?.text.length ?? 0
    this.#lines = this.#lines.slice(drop)
    this.#dropped += drop
    this.#size = size
  }
}
