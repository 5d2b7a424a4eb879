import type { Dialect, Meaning } from '../protocol/dialect.ts'
import { array, object, parseObject, string } from './loose-json.ts'
import { readUsage } from './read-usage.ts'

function readChoice(value: unknown): Meaning[] {
  const choice = object(value)
  const delta = object(choice['delta'])
  // The first choice needs no id; further ones (n > 1) come interleaved, each with its own parts.
  const index = Number(choice['index']) || 0
  const id = index > 0 ? { id: String(index) } : {}
  const meanings: Meaning[] = []
  // Vendors differ in the name of the field; none sends both.
  const reasoning = string(delta['reasoning_content']) || string(delta['reasoning'])
  if (reasoning !== '') meanings.push({ type: 'reasoning', ...id, delta: reasoning })
  const text = string(delta['content']) || string(delta['refusal'])
  if (text !== '') meanings.push({ type: 'text', ...id, delta: text })
  for (const item of array(delta['tool_calls'])) {
    const call = object(item)
    const { name, arguments: input } = object(call['function'])
    // Only the first chunk of a call carries its id, so the index that all of them carry is what names it here.
    const toolId = `${index}-${Number(call['index']) || 0}`
    if (string(name) !== '') meanings.push({ type: 'tool-start', id: toolId, name: string(name) })
    if (string(input) !== '') meanings.push({ type: 'tool-input', id: toolId, delta: string(input) })
  }
  return meanings
}

/** Chat Completions as OpenAI and compatible endpoints stream them. */
export const openaiChat: Dialect = {
  name: 'openai-chat',
  terminal: [
    { data: '[DONE]', ending: { kind: 'done' }, final: true },
    {
      field: { name: 'error' },
      ending: { kind: 'error', code: 'upstream-error' },
      final: true,
      message: 'error.message',
    },
  ],
  read(chunk): readonly Meaning[] {
    const body = parseObject(chunk.data)
    const meanings: Meaning[] = array(body['choices']).flatMap(readChoice)
    if (body['error']) meanings.push({ type: 'error', message: string(object(body['error'])['message']) })
    return [...meanings, ...readUsage(body['usage'])]
  },
}
