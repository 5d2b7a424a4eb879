import type { StoredSource } from '../protocol/source.ts'

/**
 * A body as it is stored. Encodes at once: whoever sends may change the object, or fill the buffer anew, right after. `undefined` for what JSON does
 * not take.
 */
export function encodeBody(body: unknown): StoredSource['body'] | undefined {
  if (body == null) return null
  if (typeof body === 'string') return body
  if (body instanceof ArrayBuffer) return new Uint8Array(body.slice())
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice()
  try {
    return JSON.stringify(body)
  } catch {
    return undefined
  }
}
