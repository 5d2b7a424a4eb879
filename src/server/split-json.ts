import { Refusal } from './answers.ts'
import { MAX_APPEND_MESSAGES } from './limits.ts'

const encoder = new TextEncoder()

/**
 * The messages of a JSON body: the elements of an array, or the one value. Their text is kept as it was written, so that numbers beyond a
 * double's precision come back as they were sent.
 * @throws {Refusal} 400 where the body is not JSON in UTF-8; 413 where it has too many messages, or one of more than `maxBytes`
 */
export function splitJsonMessages(body: Uint8Array, maxBytes = Infinity): Uint8Array[] {
  const text = decodeUtf8(body).trim()
  if (!isJsonText(text)) throw new Refusal(400, 'bad-json', 'The body is not valid JSON.')
  const messages = text.startsWith('[') ? splitElements(text) : [text]
  if (messages.length > MAX_APPEND_MESSAGES) {
    throw new Refusal(413, 'too-large', `The body has more than ${MAX_APPEND_MESSAGES} messages. Send fewer at a time.`)
  }
  const records = messages.map((message) => encoder.encode(message))
  if (records.some(({ byteLength }) => byteLength > maxBytes)) {
    throw new Refusal(413, 'event-too-large', `A message is larger than ${maxBytes} bytes. Send it in parts.`)
  }
  return records
}

function decodeUtf8(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch {
    throw new Refusal(400, 'bad-json', 'The body is not valid UTF-8.')
  }
}

function isJsonText(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

// The text is known to be a JSON array, so brackets and commas outside of strings are all that counts. Linear in its length.
function splitElements(text: string): string[] {
  const elements: string[] = []
  let depth = 0
  let start = 1
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === '"') at = endOfString(text, at)
    else if (char === '[' || char === '{') depth += 1
    else if (char === ']' || char === '}') depth -= 1
    else if (char === ',' && depth === 1) {
      elements.push(text.slice(start, at).trim())
      start = at + 1
    }
  }
  const last = text.slice(start, -1).trim()
  return last === '' ? elements : [...elements, last]
}

function endOfString(text: string, from: number): number {
  let at = from + 1
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at
}
