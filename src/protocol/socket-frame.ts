import { decodeEnding } from './http.ts'
import type { DataHeader } from './socket.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Bytes in front of the header: its length, big-endian. */
const PREFIX = 4

/** A binary frame: the length of the header, the header as JSON, the payload. */
export function encodeDataFrame(header: DataHeader, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const head = encoder.encode(JSON.stringify(header))
  const frame = new Uint8Array(PREFIX + head.byteLength + payload.byteLength)
  new DataView(frame.buffer).setUint32(0, head.byteLength)
  frame.set(head, PREFIX)
  frame.set(payload, PREFIX + head.byteLength)
  return frame
}

/** Header and payload of a binary frame; the payload is a view, not a copy. `null` where it is none. */
export function decodeDataFrame(frame: Uint8Array): { header: DataHeader; payload: Uint8Array } | null {
  if (frame.byteLength < PREFIX) return null
  const length = new DataView(frame.buffer, frame.byteOffset).getUint32(0)
  if (length > frame.byteLength - PREFIX) return null
  const header = readHeader(frame.subarray(PREFIX, PREFIX + length))
  return header === null ? null : { header, payload: frame.subarray(PREFIX + length) }
}

function readHeader(bytes: Uint8Array): DataHeader | null {
  let value: unknown
  try {
    value = JSON.parse(decoder.decode(bytes))
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const { sub, next, upToDate, ending } = value as Record<string, unknown>
  if (!Number.isSafeInteger(sub) || typeof next !== 'string') return null
  return {
    sub: sub as number,
    next,
    ...(upToDate === true && { upToDate }),
    ...(ending !== undefined && { ending: decodeEnding(ending) }),
  }
}
