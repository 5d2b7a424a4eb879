import type { Dialect, Meaning } from '../protocol/dialect.ts'
import type { Chunk } from '../protocol/chunk.ts'

// Bytes are decoded by whoever reads them, because a character may be split between two chunks.
const readText = ({ data }: Chunk): readonly Meaning[] =>
  typeof data === 'string' && data !== '' ? [{ type: 'text', delta: data }] : []

/** Plain text: each chunk is a piece of it, and the end of the body is the end. */
export const text: Dialect = { name: 'text', terminal: [], endOfBody: true, read: readText }

/** Lines of JSON of which nothing more is known. They have no text. */
export const ndjson: Dialect = { name: 'ndjson', terminal: [], endOfBody: true, read: () => [] }

/** Server-sent events of which nothing more is known: `[DONE]` or an event `done` ends them, an event `error` fails them. */
export const sse: Dialect = {
  name: 'sse',
  terminal: [
    { data: '[DONE]', ending: { kind: 'done' }, final: true },
    { event: 'done', ending: { kind: 'done' }, final: true },
    { event: 'error', ending: { kind: 'error', code: 'upstream-error' }, final: true, message: 'message' },
  ],
  read: (chunk) => (chunk.event === undefined && chunk.data !== '[DONE]' ? readText(chunk) : []),
}
