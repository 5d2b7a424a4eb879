const encoder = new TextEncoder()
const OPEN = encoder.encode('[')
const COMMA = encoder.encode(',')
const CLOSE = encoder.encode(']')

export function joinBytes(records: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(records.reduce((sum, record) => sum + record.byteLength, 0))
  let offset = 0
  for (const record of records) {
    joined.set(record, offset)
    offset += record.byteLength
  }
  return joined
}

/** Messages as one JSON array, their text as it was written. */
export function joinJson(messages: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const parts = messages.flatMap((message, index) => (index === 0 ? [message] : [COMMA, message]))
  return joinBytes([OPEN, ...parts, CLOSE])
}

/** How many bytes at the end are the beginning of a UTF-8 character whose rest is still to come: 0 to 3. */
export function incompleteTail(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.byteLength); back++) {
    const byte = bytes[bytes.byteLength - back] ?? 0
    if (byte < 0x80) return 0
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
      return length > back ? back : 0
    }
  }
  return 0
}
