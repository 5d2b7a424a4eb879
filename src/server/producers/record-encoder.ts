import { HeadwaterError } from '../../protocol/errors.ts'
import { MAX_APPEND_BYTES } from '../limits.ts'
import { isJson } from '../stream-store.ts'

const encoder = new TextEncoder()
const HALF_CHARACTER = /[\ud800-\udbff]$/

/** Chunks as the records of a stream of one content type. */
export class RecordEncoder {
  readonly #isJson: boolean
  /** The first half of a character that was cut between two chunks: alone it has no UTF-8 form. */
  #half = ''

  constructor(contentType: string) {
    this.#isJson = isJson(contentType)
  }

  /** `null` where there is nothing to store yet. @throws {HeadwaterError} `bad-message`, `too-large` */
  encode(data: unknown): Uint8Array | null {
    const record = this.#isJson ? encodeJson(data) : this.#encodePlain(data)
    if (record.byteLength > MAX_APPEND_BYTES) {
      throw new HeadwaterError('too-large', `A chunk may have ${MAX_APPEND_BYTES} bytes. Write it in pieces.`)
    }
    return record.byteLength === 0 ? null : record
  }

  /** What was kept back, once nothing follows. */
  rest(): Uint8Array | null {
    const half = this.#half
    this.#half = ''
    return half === '' ? null : encoder.encode(half)
  }

  #encodePlain(data: unknown): Uint8Array {
    // The writer's buffer is the writer's: it may be filled again before this one is stored.
    if (data instanceof Uint8Array) return data.slice()
    if (typeof data !== 'string') throw new HeadwaterError('bad-message', 'A chunk must be a string or a Uint8Array.')
    const text = this.#half + data
    this.#half = HALF_CHARACTER.exec(text)?.[0] ?? ''
    return encoder.encode(text.slice(0, text.length - this.#half.length))
  }
}

function encodeJson(data: unknown): Uint8Array {
  let text: string | undefined
  try {
    text = JSON.stringify(data)
  } catch (cause) {
    throw new HeadwaterError('bad-message', 'A chunk of a JSON stream must be a JSON value.', undefined, { cause })
  }
  if (text === undefined) throw new HeadwaterError('bad-message', 'A chunk of a JSON stream must be a JSON value.')
  return encoder.encode(text)
}
