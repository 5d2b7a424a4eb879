import { HeadwaterError } from '../protocol/errors.ts'
import { MAX_UNIT_LENGTH, tooLarge } from './limits.ts'
import type { Unit, UnitParser } from './read-units.ts'

const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d]

/**
 * Bytes of one JSON array in, its elements out, as the text that upstream wrote: parsing and printing again would change numbers beyond
 * 2^53 and the order of keys. Linear: each character is looked at once.
 */
export class JsonArrayParser implements UnitParser {
  #decoder = new TextDecoder()
  #pieces: string[] = []
  #length = 0
  // 0 outside the array, 1 between its elements' own brackets.
  #depth = 0
  #inString = false
  // The character before, in a string, was a backslash that counts.
  #escaped = false
  #complete = false
  #failure: HeadwaterError | null = null

  get failure(): HeadwaterError | null {
    return this.#failure
  }

  /** Whether the array was closed. */
  get complete(): boolean {
    return this.#complete
  }

  feed(bytes: Uint8Array): Unit[] {
    return this.feedText(this.#decoder.decode(bytes, { stream: true }))
  }

  /** The elements that this text completed. */
  feedText(text: string): Unit[] {
    const units: Unit[] = []
    let start = 0
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false
        else if (code === BACKSLASH) this.#escaped = true
        else if (code === QUOTE) this.#inString = false
      } else if (code === QUOTE) {
        this.#inString = true
      } else if (code === OPEN_BRACKET || code === OPEN_BRACE) {
        if (this.#depth++ > 0) continue
        if (code !== OPEN_BRACKET || this.#complete || text.slice(start, i).trim() !== '') break
        start = i + 1
      } else if (code === CLOSE_BRACKET || code === CLOSE_BRACE || code === COMMA) {
        if (code === COMMA ? this.#depth !== 1 : --this.#depth > 0) continue
        if (this.#depth < 0) break
        this.#element(text.slice(start, i), units)
        start = i + 1
        this.#complete = this.#depth === 0
      }
    }
    const rest = text.slice(start)
    if (this.#depth === 0 && rest.trim() !== '') {
      this.#failure = new HeadwaterError(
        'bad-response',
        'The upstream is declared as JSON and is no array of messages.',
      )
    } else if (this.#depth > 0) {
      this.#pieces.push(rest)
      this.#length += rest.length
      if (this.#length > MAX_UNIT_LENGTH) this.#failure = tooLarge('message')
    }
    return units
  }

  #element(tail: string, units: Unit[]): void {
    const data = [...this.#pieces.splice(0), tail].join('').trim()
    this.#length = 0
    if (data !== '') units.push({ data })
  }
}
