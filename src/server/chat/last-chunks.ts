import type { UIMessageChunk } from 'ai'
import type { Ending } from '../../protocol/chunk.ts'

const encoder = new TextEncoder()

/** A chunk as one message of the run's stream. */
export function encodeChunk(chunk: UIMessageChunk): Uint8Array {
  return encoder.encode(JSON.stringify(chunk))
}

/**
 * What is said last in a run of a model: where it did not finish, how it ended, as a part that no reader keeps (PROTOCOL.md 4.3).
 * @param errorText what went wrong, for people. Default: by the ending's code.
 */
export function lastChunks(ending: Ending, errorText?: string): Uint8Array[] {
  if (ending.kind === 'done') return []
  const end: UIMessageChunk = { type: 'data-ending', data: ending, transient: true }
  const why: UIMessageChunk =
    ending.kind === 'cancelled' ? { type: 'abort' } : { type: 'error', errorText: errorText ?? textOf(ending.code) }
  return [encodeChunk(why), encodeChunk(end)]
}

function textOf(code: string | undefined): string {
  switch (code) {
    case 'producer-lost':
      return 'The server was stopped while the model was answering. What it had said is kept.'
    case 'store':
      return 'The server could not store the answer, and stopped the model. Its disk may be full.'
    case 'too-large':
      return 'The answer became larger than a stream may be, and the model was stopped. What it had said is kept.'
    default:
      return 'The answer broke off.'
  }
}
