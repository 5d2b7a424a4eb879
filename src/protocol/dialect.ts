import type { Chunk, Ending } from './chunk.ts'
import type { Usage } from './state.ts'

/**
 * One kind of evidence that a stream has ended. All the conditions that are given must hold. Plain data, because it crosses to the hub.
 */
export interface TerminalRule {
  /** The chunk's event has this name. */
  event?: string
  /** The chunk's data is exactly this text. */
  data?: string
  /** The chunk's data is a JSON object with this field, equal to `value`, or merely present where `value` is absent. */
  field?: { name: string; value?: string | number | boolean }
  /** What it proves; `'field'` takes the ending from the JSON field `data`, as our own server's `data-ending` part carries it. */
  ending: Ending | 'field'
  /** True: the stream ends here. False: the verdict is remembered, and holds once a final rule matches or the body ends. */
  final: boolean
  /** Field of the JSON data (may be a path: `error.message`) that holds a text for people. */
  message?: string
}

/** What a chunk says, in the words that all dialects share. */
export type Meaning =
  | { type: 'text' | 'reasoning'; id?: string; delta: string }
  | { type: 'text-start' | 'reasoning-start' | 'text-end' | 'reasoning-end'; id?: string }
  | { type: 'tool-start'; id: string; name: string }
  | { type: 'tool-input'; id: string; delta: string }
  | { type: 'tool-call'; id: string; name: string; input: unknown }
  | { type: 'tool-output'; id: string; output: unknown }
  | { type: 'tool-error'; id: string; errorText: string }
  | { type: 'source'; id: string; url?: string; title?: string; mediaType?: string }
  | { type: 'file'; url: string; mediaType: string }
  | { type: 'data'; name: string; id?: string; data: unknown }
  | { type: 'step' }
  /** Everything since the last step is withdrawn. */
  | { type: 'reset-step' }
  | { type: 'usage'; usage: Usage }
  | { type: 'error'; message: string }

/** What chunks mean: terminal rules as data, and a pure function. */
export interface Dialect {
  name: string
  /** Evidence of the end, tried in order. */
  terminal: readonly TerminalRule[]
  /** True where the end of the body is the end of the stream by definition (text, NDJSON). Default false. */
  endOfBody?: boolean
  /** What one chunk says. Never throws: what it does not know means nothing. */
  read(chunk: Chunk): readonly Meaning[]
}
