import type { Dialect, Meaning } from '../protocol/dialect.ts'
import { object, parseObject, string } from './loose-json.ts'
import { readUsage } from './read-usage.ts'

/** Ollama's own API, `/api/chat` and `/api/generate`, as NDJSON. */
export const ollama: Dialect = {
  name: 'ollama',
  terminal: [
    { field: { name: 'done', value: true }, ending: { kind: 'done' }, final: true },
    { field: { name: 'error' }, ending: { kind: 'error', code: 'upstream-error' }, final: true, message: 'error' },
  ],
  read(chunk): readonly Meaning[] {
    const line = parseObject(chunk.data)
    const message = object(line['message'])
    const meanings: Meaning[] = []
    const reasoning = string(message['thinking']) || string(line['thinking'])
    if (reasoning !== '') meanings.push({ type: 'reasoning', delta: reasoning })
    const text = string(message['content']) || string(line['response'])
    if (text !== '') meanings.push({ type: 'text', delta: text })
    if (line['error']) meanings.push({ type: 'error', message: string(line['error']) })
    return [...meanings, ...readUsage(line)]
  },
}
