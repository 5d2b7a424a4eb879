import type { Chunk, Ending, NewChunk } from '../protocol/chunk.ts'
import type { UpstreamHead } from '../upstream/upstream.ts'

/** How a run's chunks are written to standard output. */
export interface Printer {
  chunk(chunk: NewChunk): string | Uint8Array
  end(ending: Ending): string
}

function parse(data: Chunk['data']): Record<string, unknown> {
  if (typeof data !== 'string') return {}
  try {
    const value: unknown = JSON.parse(data)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** Bytes as they are. Messages of JSON, one on each line; those of a chat as the text that they are about. */
export function plainPrinter({ dialect, contentType }: UpstreamHead): Printer {
  const end = (): string => ''
  if (dialect === 'ai-sdk') {
    return {
      chunk({ data }) {
        const { type, delta } = parse(data)
        if (type === 'text-end') return '\n'
        return type === 'text-delta' && typeof delta === 'string' ? delta : ''
      },
      end,
    }
  }
  // What frames its messages itself lost their line ends on the way.
  const isFramed = /^(application\/(x-)?(nd)?json|text\/event-stream)/.test(contentType ?? '')
  return { chunk: ({ data }) => (isFramed && typeof data === 'string' ? `${data}\n` : data), end }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** One line of JSON for each chunk: `{time, data}` or, for bytes that are no text, `{time, base64}`; then `{ending}`. */
export const jsonPrinter: Printer = {
  chunk({ time, data }) {
    if (typeof data === 'string') return JSON.stringify({ time, data }) + '\n'
    try {
      return JSON.stringify({ time, data: utf8.decode(data) }) + '\n'
    } catch {
      return JSON.stringify({ time, base64: Buffer.from(data).toString('base64') }) + '\n'
    }
  },
  end: (ending) => JSON.stringify({ ending }) + '\n',
}
