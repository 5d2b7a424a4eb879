import type { Dialect, Meaning } from '../protocol/dialect.ts'
import { object, parseObject, string } from './loose-json.ts'
import { readUsage } from './read-usage.ts'

/** Messages API of Anthropic. Parts are named by the index of their content block. */
export const anthropic: Dialect = {
  name: 'anthropic',
  terminal: [
    { event: 'message_stop', ending: { kind: 'done' }, final: true },
    { event: 'error', ending: { kind: 'error', code: 'upstream-error' }, final: true, message: 'error.message' },
  ],
  read(chunk): readonly Meaning[] {
    const event = parseObject(chunk.data)
    const id = String(event['index'])
    const block = object(event['content_block'])
    const delta = object(event['delta'])
    switch (event['type']) {
      case 'message_start':
        return readUsage(object(event['message'])['usage'])
      case 'message_delta':
        return readUsage(event['usage'])
      case 'content_block_start':
        if (block['type'] === 'text') return [{ type: 'text-start', id }]
        if (block['type'] === 'thinking') return [{ type: 'reasoning-start', id }]
        if (block['type'] === 'tool_use') return [{ type: 'tool-start', id, name: string(block['name']) }]
        return []
      case 'content_block_delta':
        if (delta['type'] === 'text_delta') return [{ type: 'text', id, delta: string(delta['text']) }]
        if (delta['type'] === 'thinking_delta') return [{ type: 'reasoning', id, delta: string(delta['thinking']) }]
        if (delta['type'] === 'input_json_delta') {
          return [{ type: 'tool-input', id, delta: string(delta['partial_json']) }]
        }
        return []
      case 'content_block_stop':
        // The event does not say what it closes; an end without a part means nothing.
        return [
          { type: 'text-end', id },
          { type: 'reasoning-end', id },
        ]
      case 'error':
        return [{ type: 'error', message: string(object(event['error'])['message']) }]
    }
    return []
  },
}
