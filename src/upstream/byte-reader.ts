import type { Progress } from './progress.ts'

/** How many bytes at the end are the beginning of a UTF-8 character that is not complete: 0 to 3. */
export function incompleteTail(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] as number
    // A continuation byte: its lead is further back.
    if ((byte & 0xc0) === 0x80) continue
    const length = byte >= 0xf0 && byte < 0xf8 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
    return length > back && byte < 0xf8 ? back : 0
  }
  return 0
}

/**
 * Bytes in, data out: bytes as they are, or text cut between characters. What is held back of a split character is not counted as
 * given, so a position never lies inside one.
 */
export class ByteReader {
  #progress: Progress
  #asText: boolean
  #held = new Uint8Array()
  // Where upstream went on after the response in which the held character began, and how many of its bytes came before that place.
  #nextToken: string | undefined
  #heldBefore = 0
  // Each call decodes whole characters: no state, and a byte order mark is data.
  #decoder = new TextDecoder('utf-8', { ignoreBOM: true })

  constructor(progress: Progress, asText: boolean) {
    this.#progress = progress
    this.#asText = asText
  }

  /** What can be given now; `null` where that is nothing. */
  push(bytes: Uint8Array): string | Uint8Array | null {
    if (!this.#asText) {
      const rest = this.#progress.takeBytes(bytes)
      return rest.length > 0 ? rest : null
    }
    const joined = this.#held.length === 0 ? bytes : concat(this.#held, bytes)
    const tail = incompleteTail(joined)
    const whole = joined.subarray(0, joined.length - tail)
    this.#held = joined.slice(joined.length - tail)
    if (whole.length === 0) return null
    if (this.#nextToken === undefined) return this.#decode(this.#progress.takeBytes(whole))
    // The first bytes belong to a response before: the position moves on to this one, and counts only what is its own.
    const before = whole.subarray(0, this.#heldBefore)
    this.#progress.moveTo(this.#nextToken)
    this.#nextToken = undefined
    return this.#decode(concat(before, this.#progress.takeBytes(whole.subarray(this.#heldBefore))))
  }

  /** The response is complete, and upstream goes on at this token. */
  next(token: string): void {
    this.#heldBefore = this.#held.length
    if (this.#heldBefore === 0) this.#progress.moveTo(token)
    else this.#nextToken = token
  }

  /** The end of the text: bytes that never became a character. */
  flush(): string | null {
    const rest = this.#held
    this.#held = new Uint8Array()
    if (this.#nextToken === undefined) this.#progress.takeBytes(rest)
    return rest.length > 0 ? this.#decode(rest) : null
  }

  #decode(bytes: Uint8Array): string | null {
    return bytes.length > 0 ? this.#decoder.decode(bytes) : null
  }
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length)
  joined.set(a)
  joined.set(b, a.length)
  return joined
}
