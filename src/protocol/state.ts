import type { Ending, Gap } from './chunk.ts'
import type { ErrorValue, HeadwaterError } from './errors.ts'

export type Status =
  'idle' | 'queued' | 'connecting' | 'streaming' | 'reconnecting' | 'disconnected' | 'stopped' | 'done' | 'error'

/** What a stream that is not moving waits for. `'storage'`: an upload goes on once the browser stores again. */
export type WaitingFor = 'network' | 'server' | 'connection' | 'credentials' | 'storage'

/** A piece of a model's message, built from the chunks by a dialect. */
export type Part =
  | { type: 'text'; id?: string; text: string; state: 'streaming' | 'done' }
  | { type: 'reasoning'; id?: string; text: string; state: 'streaming' | 'done' }
  | {
      type: 'tool'
      id: string
      name: string
      state: 'input-streaming' | 'input-available' | 'output-available' | 'output-error'
      /** The input as text while it streams; upstream's own JSON. */
      inputText: string
      input?: unknown
      output?: unknown
      errorText?: string
    }
  | { type: 'source'; id: string; url?: string; title?: string; mediaType?: string }
  | { type: 'file'; url: string; mediaType: string }
  | { type: 'data'; name: string; id?: string; data: unknown }
  | { type: 'step' }

/** What a model's answer cost, in tokens. */
export interface Usage {
  inputTokens?: number
  outputTokens?: number
  reasoningTokens?: number
  totalTokens?: number
}

/** How far a stream that a page writes has got on its server. */
export interface UploadProgress {
  url: string
  /** The last seq that the server has acknowledged. */
  seq: number
  /** As in a ProgressEvent, in UTF-16 units of texts plus bytes: what the server has of `total`, which is what is stored here. */
  loaded: number
  total: number
  /** The server has everything, the ending included. */
  done: boolean
  /** What an upload that does not move waits for. */
  waitingFor?: WaitingFor
  /** Why nothing more can be uploaded: `cancelled` by the reading side, `producer-lost`, or what the server refused with. */
  failure: ErrorValue | null
}

/** What one view of a channel shows: an immutable snapshot. */
export interface State {
  streamId: string | null
  /** The last seq that this view has. 0 where it has none. */
  seq: number
  status: Status
  waitingFor?: WaitingFor
  /** All text so far. Built only once it was read. */
  text: string
  /** The message so far. Built only once it was read. */
  parts: readonly Part[]
  usage?: Usage
  /** Of a stream that a page writes and that goes to a server as well (`start({to})`). */
  upload?: UploadProgress
  meta?: unknown
  /** More is expected: `queued`, `connecting`, `streaming` or `reconnecting`. */
  loading: boolean
  done: boolean
  canResume: boolean
  canRetry: boolean
  error: string | null
  failure: HeadwaterError | null
  ending: Ending | null
  gaps: readonly Gap[]
}
