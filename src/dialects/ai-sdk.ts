import type { Dialect, Meaning } from '../protocol/dialect.ts'
import { object, parseObject, string } from './loose-json.ts'
import { readUsage } from './read-usage.ts'

/** AI SDK UI message stream, version 1 (https://ai-sdk.dev/docs/ai-sdk-ui/stream-protocol), with our own `data-ending` part. */
export const aiSdk: Dialect = {
  name: 'ai-sdk',
  terminal: [
    { data: '[DONE]', ending: { kind: 'done' }, final: true },
    {
      field: { name: 'type', value: 'error' },
      ending: { kind: 'error', code: 'upstream-error' },
      final: false,
      message: 'errorText',
    },
    { field: { name: 'type', value: 'abort' }, ending: { kind: 'cancelled' }, final: false },
    { field: { name: 'type', value: 'data-ending' }, ending: 'field', final: false },
  ],
  read(chunk): readonly Meaning[] {
    const part = parseObject(chunk.data)
    const type = string(part['type'])
    const id = string(part['id'])
    const toolCallId = string(part['toolCallId'])
    const optional = (name: string): { [name: string]: string } =>
      typeof part[name] === 'string' ? { [name]: part[name] } : {}
    switch (type) {
      case 'text-start':
      case 'text-end':
      case 'reasoning-start':
      case 'reasoning-end':
        return [{ type, id }]
      case 'text-delta':
        return [{ type: 'text', id, delta: string(part['delta']) }]
      case 'reasoning-delta':
        return [{ type: 'reasoning', id, delta: string(part['delta']) }]
      case 'tool-input-start':
        return [{ type: 'tool-start', id: toolCallId, name: string(part['toolName']) }]
      case 'tool-input-delta':
        return [{ type: 'tool-input', id: toolCallId, delta: string(part['inputTextDelta']) }]
      case 'tool-input-available':
      case 'tool-input-error': {
        const call: Meaning = {
          type: 'tool-call',
          id: toolCallId,
          name: string(part['toolName']),
          input: part['input'],
        }
        if (type === 'tool-input-available') return [call]
        return [call, { type: 'tool-error', id: toolCallId, errorText: string(part['errorText']) }]
      }
      case 'tool-output-available':
        return [{ type: 'tool-output', id: toolCallId, output: part['output'] }]
      case 'tool-output-error':
        return [{ type: 'tool-error', id: toolCallId, errorText: string(part['errorText']) }]
      case 'tool-output-denied':
        return [{ type: 'tool-error', id: toolCallId, errorText: 'denied' }]
      case 'source-url':
      case 'source-document':
        return [
          {
            type: 'source',
            id: string(part['sourceId']),
            ...optional('url'),
            ...optional('title'),
            ...optional('mediaType'),
          },
        ]
      case 'file':
        return [{ type, url: string(part['url']), mediaType: string(part['mediaType']) }]
      case 'start-step':
        return [{ type: 'step' }]
      case 'reset-step':
        return [{ type }]
      case 'error':
        return [{ type, message: string(part['errorText']) }]
      case 'start':
      case 'finish':
      case 'message-metadata':
        return readUsage(object(part['messageMetadata'])['usage'])
    }
    // Transient data is for whoever listens live (our own `data-ending` is), not for the message.
    if (!type.startsWith('data-') || part['transient'] === true) return []
    return [{ type: 'data', name: type.slice(5), ...optional('id'), data: part['data'] }]
  },
}
