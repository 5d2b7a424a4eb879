import { HeadwaterError } from '../protocol/errors.ts'
import { MAX_UNIT_LENGTH, tooLarge } from './limits.ts'
import type { Unit, UnitParser } from './read-units.ts'

/** Bytes in, lines of JSON out. Blank lines are none. */
export class LineParser implements UnitParser {
  #decoder = new TextDecoder()
  // Pieces of the unfinished line, joined once it is whole: joining on each read would be quadratic in its length.
  #pieces: string[] = []
  #length = 0
  #failure: HeadwaterError | null = null

  get failure(): HeadwaterError | null {
    return this.#failure
  }

  /** The lines that these bytes completed, up to one that is no JSON. */
  feed(bytes: Uint8Array): Unit[] {
    return this.#split(this.#decoder.decode(bytes, { stream: true }))
  }

  /** The last line, where the body ended without a line break behind it. One that was cut off is no message: `null`. */
  end(): Unit[] | null {
    const units = this.#split(this.#decoder.decode() + '\n')
    return this.#failure === null ? units : null
  }

  #split(text: string): Unit[] {
    const lines = text.split('\n')
    const rest = lines.pop() ?? ''
    const units: Unit[] = []
    for (const line of lines) {
      const data = [...this.#pieces.splice(0), line].join('').replace(/\r$/, '')
      this.#length = 0
      if (data.trim() === '') continue
      if (!isJson(data)) {
        this.#failure = new HeadwaterError(
          'bad-response',
          `A line of the upstream is no JSON: ${data.slice(0, 80)}. Use format 'text' where lines are not JSON.`,
        )
        return units
      }
      units.push({ data })
    }
    this.#pieces.push(rest)
    this.#length += rest.length
    if (this.#length > MAX_UNIT_LENGTH) this.#failure = tooLarge('line')
    return units
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
