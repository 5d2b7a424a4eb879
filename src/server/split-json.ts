import { Refusal } from './answers.ts'
import { MAX_APPEND_MESSAGES } from './limits.ts'

const encoder = new TextEncoder()

/**
 * The messages of a JSON body: the elements of an array, or the one value. Their text is kept as it was written, so that numbers beyond a
 * double's precision come back as they were sent. Each is parsed by itself, and only where it is not too large: a body of nothing but brackets, parsed
 * as a whole, takes thirty times its size.
 * @throws {Refusal} 400 where the body is not JSON in UTF-8; 413 where it has too many messages, or one of more than `maxBytes`
 */
export function splitJsonMessages(body: Uint8Array, maxBytes = Infinity): Uint8Array[] {
  const text = decodeUtf8(body)
  const [start, end] = trimmed(text, 0, text.length)
  const isArray = text.charCodeAt(start) === OPEN_ARRAY
  const spans = isArray ? elementsOf(text, start, end) : [[start, end] as const]
  return spans.map(([from, to]) => {
    const message = text.slice(from, to)
    const record = encoder.encode(message)
    if (record.byteLength > maxBytes) {
      throw new Refusal(413, 'event-too-large', `A message is larger than ${maxBytes} bytes. Send it in parts.`)
    }
    checkJson(message)
    return record
  })
}

function decodeUtf8(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch {
    throw new Refusal(400, 'bad-json', 'The body is not valid UTF-8.')
  }
}

function checkJson(text: string): void {
  try {
    JSON.parse(text)
  } catch {
    throw notJson()
  }
}

const notJson = (): Refusal => new Refusal(400, 'bad-json', 'The body is not valid JSON.')

type Span = readonly [start: number, end: number]

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c]
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d]

/**
 * Where the elements of an array are. Brackets and commas outside of strings are all that is looked at: whoever takes each element for itself, as JSON, has
 * looked at the rest. Linear in the text's length.
 */
function elementsOf(text: string, open: number, end: number): Span[] {
  const spans: Span[] = []
  let depth = 0
  let start = open + 1
  for (let at = open; at < end; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at, end)
        break
      case OPEN_ARRAY:
      case OPEN_OBJECT:
        depth += 1
        break
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        depth -= 1
        if (depth === 0 && at === end - 1 && text.charCodeAt(at) === CLOSE_ARRAY) {
          const last = trimmed(text, start, at)
          // An array of none has no last element; after a comma there must be one.
          return last[0] === last[1] && spans.length === 0 ? spans : [...spans, last]
        }
        if (depth === 0) throw notJson()
        break
      case COMMA:
        if (depth !== 1) break
        if (spans.length === MAX_APPEND_MESSAGES - 1) throw tooMany()
        spans.push(trimmed(text, start, at))
        start = at + 1
    }
  }
  throw notJson()
}

const tooMany = (): Refusal =>
  new Refusal(413, 'too-large', `The body has more than ${MAX_APPEND_MESSAGES} messages. Send fewer at a time.`)

/** Where the quote is that ends a string; `end` where there is none. */
function endOfString(text: string, from: number, end: number): number {
  let at = from + 1
  while (at < end && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1
  return at
}

/** A part of a text without JSON's white space around it. */
function trimmed(text: string, from: number, to: number): Span {
  let [start, end] = [from, to]
  while (start < end && isSpace(text.charCodeAt(start))) start += 1
  while (end > start && isSpace(text.charCodeAt(end - 1))) end -= 1
  return [start, end]
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09
