import type { Ending, NewChunk } from '../protocol/chunk.ts'
import type { TerminalRule } from '../protocol/dialect.ts'
import { decodeEnding } from '../protocol/http.ts'
import type { Verdict } from '../protocol/verdict.ts'
import { object, parseObject, type Loose } from './loose-json.ts'

/** What the rules made of one chunk. */
export interface Judgement {
  /** What is remembered from now on. */
  verdict: Verdict | null
  /** The stream ends with this chunk. */
  ending?: Ending
  /** For people, beside an ending of kind `error`. */
  message?: string
}

// A message is shown on one screen, and stored in the stream's row.
const MAX_MESSAGE_LENGTH = 1000

/** A path (`error.message`) in a chunk's JSON, as a text for people; data that is no JSON is such a text itself. */
function readMessage(json: Loose, path: string | undefined, data: NewChunk['data']): string | undefined {
  if (path === undefined) return undefined
  if (typeof data === 'string' && data !== '' && !/^[[{]/.test(data)) return data.slice(0, MAX_MESSAGE_LENGTH)
  let value: unknown = json
  for (const name of path.split('.')) value = object(value)[name]
  return typeof value === 'string' && value !== '' ? value.slice(0, MAX_MESSAGE_LENGTH) : undefined
}

/** Whether the text of a JSON object can have the field at all: parsing every chunk to learn that it is not the last would be the whole cost. */
function canHave(data: string, { name, value }: { name: string; value?: unknown }): boolean {
  return data.includes(`"${name}"`) && (value === undefined || data.includes(JSON.stringify(value)))
}

/** Holds an ending against what was said before: what an earlier chunk said went wrong is not undone by a later `done`. */
export function conclude(ending: Ending, verdict: Verdict | null, message?: string): Judgement {
  if (ending.kind === 'done' && verdict !== null) {
    return { verdict, ending: verdict.ending, ...(verdict.message !== undefined && { message: verdict.message }) }
  }
  const said = message ?? verdict?.message
  return { verdict, ending, ...(said !== undefined && { message: said }) }
}

/** Tries the rules in order on one chunk. Costs a search per rule; JSON is parsed only where a rule's field can be in it. */
export function judge(rules: readonly TerminalRule[], chunk: NewChunk, verdict: Verdict | null): Judgement {
  let json: Loose | null = null
  for (const rule of rules) {
    if (rule.event !== undefined && rule.event !== chunk.event) continue
    if (rule.data !== undefined && rule.data !== chunk.data) continue
    if (rule.field !== undefined) {
      if (typeof chunk.data !== 'string' || !canHave(chunk.data, rule.field)) continue
      json ??= parseObject(chunk.data)
      const value = json[rule.field.name]
      if (rule.field.value === undefined ? value === undefined || value === null : value !== rule.field.value) continue
    }
    json ??= parseObject(chunk.data)
    const ending = rule.ending === 'field' ? decodeEnding(json['data']) : rule.ending
    const message = readMessage(json, rule.message, chunk.data)
    if (rule.final) return conclude(ending, verdict, message)
    const said = message ?? verdict?.message
    return { verdict: { ending, ...(said !== undefined && { message: said }) } }
  }
  return { verdict }
}
