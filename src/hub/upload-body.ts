import { HeadwaterError } from '../protocol/errors.ts'
import { dataOf, unpackChunks, type PackedChunks } from '../protocol/packed-chunks.ts'
import { keepsChunks } from '../protocol/upload.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff

/** The bytes of one batch, and what its last character has to wait for. */
export interface UploadBody {
  body: Uint8Array
  /** The first half of a character whose second is in the next batch. */
  carry: string
}

/**
 * The bytes of a batch: the same whenever it is asked for the same chunks, because a batch that is sent again must be the one that was sent.
 * @param carry what the batch before left over
 * @param isLast nothing follows, so a character that is half stays so
 * @throws {HeadwaterError} `bad-message` for a chunk that is no JSON where the server's stream is of JSON
 */
export function uploadBody(
  packs: readonly PackedChunks[],
  contentType: string,
  carry: string,
  isLast: boolean,
): UploadBody {
  if (keepsChunks(contentType)) return { body: jsonBody(packs), carry: '' }
  const pieces: Uint8Array[] = []
  let left = carry
  for (const data of packs.map(dataOf)) {
    if (typeof data === 'string') {
      const text = left + data
      const cut = isHighSurrogate(text.charCodeAt(text.length - 1)) ? text.length - 1 : text.length
      pieces.push(encoder.encode(text.slice(0, cut)))
      left = text.slice(cut)
    } else if (data.length > 0) {
      pieces.push(encoder.encode(left), data)
      left = ''
    }
  }
  if (isLast) {
    pieces.push(encoder.encode(left))
    left = ''
  }
  return { body: join(pieces), carry: left }
}

function jsonBody(packs: readonly PackedChunks[]): Uint8Array {
  const texts = packs.flatMap(unpackChunks).map(({ data }) => (typeof data === 'string' ? data : decoder.decode(data)))
  for (const text of texts) {
    try {
      JSON.parse(text)
    } catch {
      throw new HeadwaterError('bad-message', 'A chunk for a stream of JSON is no JSON. Write one JSON text per chunk.')
    }
  }
  return texts.length === 0 ? new Uint8Array() : encoder.encode(`[${texts.join(',')}]`)
}

function join(pieces: readonly Uint8Array[]): Uint8Array {
  const [only] = pieces
  if (only !== undefined && pieces.length === 1) return only
  const body = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    body.set(piece, at)
    at += piece.length
  }
  return body
}
