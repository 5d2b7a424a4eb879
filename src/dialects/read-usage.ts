import type { Usage } from '../protocol/state.ts'
import { object } from './loose-json.ts'
import type { Meaning } from '../protocol/dialect.ts'

// The same figure under the names that vendors give it.
const NAMES: readonly (readonly [keyof Usage, readonly string[]])[] = [
  ['inputTokens', ['inputTokens', 'input_tokens', 'prompt_tokens', 'prompt_eval_count']],
  ['outputTokens', ['outputTokens', 'output_tokens', 'completion_tokens', 'eval_count']],
  ['reasoningTokens', ['reasoningTokens', 'reasoning_tokens']],
  ['totalTokens', ['totalTokens', 'total_tokens']],
]

/** What an object of token counts says, whoever wrote it; nothing where it has no figure that we know. */
export function readUsage(value: unknown): Meaning[] {
  const counts = object(value)
  const all = { ...object(counts['completion_tokens_details']), ...counts }
  const usage: Usage = {}
  for (const [key, names] of NAMES) {
    for (const name of names) if (typeof all[name] === 'number') usage[key] = all[name]
  }
  return Object.keys(usage).length > 0 ? [{ type: 'usage', usage }] : []
}
