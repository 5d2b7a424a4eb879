import { HeadwaterError } from '../protocol/errors.ts'
import type { StoredSource } from '../protocol/source.ts'

/** A body as it is stored, and the content type that it has by itself. */
export interface EncodedBody {
  body: StoredSource['body']
  type: string | null
}

/**
 * Encodes at once: whoever sends may change the object right after.
 * @throws {HeadwaterError} `bad-source`
 */
export function encodeBody(body: unknown): EncodedBody {
  if (body == null) return { body: null, type: null }
  if (typeof body === 'string') return { body, type: null }
  if (body instanceof ArrayBuffer) return { body: new Uint8Array(body), type: null }
  if (ArrayBuffer.isView(body))
    return { body: new Uint8Array(body.buffer, body.byteOffset, body.byteLength), type: null }
  try {
    return { body: JSON.stringify(body), type: 'application/json' }
  } catch {
    throw new HeadwaterError('bad-source', 'The body of the source cannot be written as JSON.')
  }
}
