/**
 * How a scripted stream goes over the wire.
 *
 * - `sse-ids`: events with ids 1, 2, 3 …; `Last-Event-ID` continues after that one.
 * - `sse`: events without ids; a request always gets everything from the start.
 * - `ndjson`: one JSON value a line. `text`: as it is.
 * - `ai-sdk`: UI message stream of text deltas, with ids.
 */
export type WireFormat = 'sse-ids' | 'sse' | 'ndjson' | 'text' | 'ai-sdk'

const CONTENT_TYPES: Record<WireFormat, string> = {
  'sse-ids': 'text/event-stream',
  sse: 'text/event-stream',
  ndjson: 'application/x-ndjson',
  text: 'text/plain; charset=utf-8',
  'ai-sdk': 'text/event-stream',
}

export function headersOf(format: WireFormat): Record<string, string> {
  return {
    'content-type': CONTENT_TYPES[format],
    'cache-control': 'no-store',
    ...(format === 'ai-sdk' && { 'x-vercel-ai-ui-message-stream': 'v1' }),
  }
}

/** Whether a request can name the chunk that it wants to go on after. */
export const canContinue = (format: WireFormat): boolean => format === 'sse-ids' || format === 'ai-sdk'

/** CRLF in every second event, because a split inside one is a classic (fault 29). */
const lineEnd = (seq: number): string => (seq % 2 === 0 ? '\r\n' : '\n')

const event = (fields: readonly string[], end: string): string => fields.map((field) => field + end).join('') + end

/** What the log must hold as the data of a chunk. */
export const encodeData = (format: WireFormat, data: string): string =>
  format === 'ai-sdk' ? JSON.stringify({ type: 'text-delta', id: 't', delta: data }) : data

/** What chunk `seq` (from 1) looks like on the wire. */
export function encodeChunk(format: WireFormat, data: string, seq: number): Buffer {
  const lines = data.split('\n').map((line) => `data: ${line}`)
  switch (format) {
    case 'sse-ids':
      return Buffer.from(event([`id: ${seq}`, ...lines], lineEnd(seq)))
    case 'sse':
      return Buffer.from(event(lines, lineEnd(seq)))
    case 'ai-sdk':
      return Buffer.from(event([`id: ${seq}`, `data: ${encodeData(format, data)}`], '\n'))
    case 'ndjson':
      return Buffer.from(`${data}\n`)
    case 'text':
      return Buffer.from(data)
  }
}

/** What proves the end; text and NDJSON have nothing but the end of the body. */
export function encodeEnd(format: WireFormat): Buffer {
  if (format === 'ai-sdk') return Buffer.from('data: {"type":"finish"}\n\ndata: [DONE]\n\n')
  return format === 'sse' || format === 'sse-ids' ? Buffer.from('event: done\ndata: end\n\n') : Buffer.alloc(0)
}

/** What says in the format's own words that upstream failed. */
export function encodeFailure(format: WireFormat, message: string): Buffer {
  if (format === 'ai-sdk') return Buffer.from(`data: ${JSON.stringify({ type: 'error', errorText: message })}\n\n`)
  return Buffer.from(`event: error\ndata: ${JSON.stringify({ message })}\n\n`)
}
