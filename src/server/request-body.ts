import { Refusal } from './answers.ts'
import type { PlainRequest } from './plain-request.ts'

/**
 * The whole body of a request.
 * @throws {Refusal} 415 where it is compressed; 413 as soon as it is known to be larger than `limit` bytes; 400 where the client went away in the middle
 */
export async function readBody(request: PlainRequest, limit: number): Promise<Uint8Array> {
  // Whoever unpacks what others packed can be made to fill its memory: a few kilobytes become gigabytes.
  const encoding = request.headers.get('content-encoding')
  if (encoding !== null && encoding.toLowerCase() !== 'identity') {
    throw new Refusal(415, 'encoded', 'Send the body as it is, without Content-Encoding.', {
      'accept-encoding': 'identity',
    })
  }
  const tooLarge = (): Refusal =>
    new Refusal(413, 'too-large', `The body is larger than ${limit} bytes. Send it in smaller appends.`)
  if (Number(request.headers.get('content-length') ?? 0) > limit) throw tooLarge()
  const told = request.headers.get('content-length')
  if (told !== null && /^\d{1,15}$/.test(told)) {
    // A server takes no more than the length that it was told; so a small body need not be read as a stream, which costs more than an append.
    const whole = await request.arrayBuffer().catch(() => null)
    if (whole === null) throw brokeOff()
    if (whole.byteLength > limit) throw tooLarge()
    return new Uint8Array(whole)
  }
  if (request.body === null) return new Uint8Array(0)
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of request.body) {
      size += chunk.byteLength
      if (size > limit) throw tooLarge()
      chunks.push(chunk)
    }
  } catch (error) {
    if (error instanceof Refusal) throw error
    throw brokeOff()
  }
  if (chunks.length === 1 && chunks[0] !== undefined) return chunks[0]
  const body = new Uint8Array(size)
  let offset = 0
  for (const chunk of chunks) {
    body.set(chunk, offset)
    offset += chunk.byteLength
  }
  return body
}

function brokeOff(): Refusal {
  return new Refusal(400, 'bad-body', 'The body broke off. Nothing of it was kept; send it again.')
}
