import { describe, expect, it } from 'vitest'
import { findDialect } from '../../../src/dialects/find-dialect.ts'
import { MessageBuilder } from '../../../src/dialects/message-builder.ts'
import type { Chunk } from '../../../src/protocol/chunk.ts'
import type { Part } from '../../../src/protocol/state.ts'

const read = (dialect: string, ...data: (string | object)[]): MessageBuilder => {
  const builder = new MessageBuilder()
  for (const [i, item] of data.entries()) {
    const chunk: Chunk = { seq: i + 1, time: 0, data: typeof item === 'string' ? item : JSON.stringify(item) }
    builder.apply(findDialect(dialect)?.read(chunk) ?? [])
  }
  return builder
}

describe('the message of an AI SDK stream', () => {
  it('is built from text, reasoning, tools, sources, files and usage', () => {
    const built = read(
      'ai-sdk',
      { type: 'start', messageId: 'm' },
      { type: 'start-step' },
      { type: 'reasoning-start', id: '0' },
      { type: 'reasoning-delta', id: '0', delta: 'Hm' },
      { type: 'reasoning-end', id: '0' },
      { type: 'text-start', id: '0' },
      { type: 'text-delta', id: '0', delta: 'Hel' },
      { type: 'tool-input-start', toolCallId: 't', toolName: 'clock' },
      { type: 'tool-input-delta', toolCallId: 't', inputTextDelta: '{"a":' },
      { type: 'text-delta', id: '0', delta: 'lo' },
      { type: 'tool-input-delta', toolCallId: 't', inputTextDelta: '1}' },
      { type: 'tool-input-available', toolCallId: 't', toolName: 'clock', input: { a: 1 } },
      { type: 'tool-output-available', toolCallId: 't', output: 'noon' },
      { type: 'text-end', id: '0' },
      { type: 'source-url', sourceId: 's', url: 'http://a.test/', title: 'A' },
      { type: 'file', url: 'data:,x', mediaType: 'text/plain' },
      { type: 'data-note', id: 'n', data: 1 },
      { type: 'data-note', id: 'n', data: 2 },
      { type: 'data-ending', data: { kind: 'error' }, transient: true },
      { type: 'unheard-of' },
      { type: 'finish', messageMetadata: { usage: { inputTokens: 3, outputTokens: 4 } } },
      '[DONE]',
    )
    expect(built.text).toBe('Hello')
    expect(built.usage).toEqual({ inputTokens: 3, outputTokens: 4 })
    expect(built.parts).toEqual<Part[]>([
      { type: 'step' },
      { type: 'reasoning', id: '0', text: 'Hm', state: 'done' },
      { type: 'text', id: '0', text: 'Hello', state: 'done' },
      {
        type: 'tool',
        id: 't',
        name: 'clock',
        state: 'output-available',
        inputText: '{"a":1}',
        input: { a: 1 },
        output: 'noon',
      },
      { type: 'source', id: 's', url: 'http://a.test/', title: 'A' },
      { type: 'file', url: 'data:,x', mediaType: 'text/plain' },
      { type: 'data', name: 'note', id: 'n', data: 2 },
    ])
  })

  it('opens a new part where an id is used again', () => {
    const step = [
      { type: 'text-start', id: '0' },
      { type: 'text-delta', id: '0', delta: 'a' },
    ]
    expect(read('ai-sdk', ...step, { type: 'text-end', id: '0' }, ...step).parts).toHaveLength(2)
  })

  it('withdraws what came since the last step', () => {
    const built = read(
      'ai-sdk',
      { type: 'start-step' },
      { type: 'text-delta', id: '0', delta: 'kept' },
      { type: 'start-step' },
      { type: 'text-delta', id: '1', delta: 'gone' },
      { type: 'reset-step' },
      { type: 'text-delta', id: '1', delta: '!' },
    )
    expect(built.text).toBe('kept!')
    expect(built.parts.map((part) => part.type)).toEqual(['step', 'text', 'step', 'text'])
  })

  it('never throws at what it does not know', () => {
    for (const data of [
      '',
      '{',
      '[]',
      'null',
      '{"type":5}',
      '{"type":"text-delta"}',
      '{"type":"start","messageMetadata":7}',
    ]) {
      for (const name of ['ai-sdk', 'openai-chat', 'anthropic', 'ollama', 'sse', 'ndjson', 'text']) {
        expect(() => read(name, data).parts).not.toThrow()
      }
    }
  })
})

describe('snapshots', () => {
  it('keep the identity of what did not change', () => {
    const builder = read(
      'ai-sdk',
      { type: 'text-delta', id: 'a', delta: '1' },
      { type: 'text-delta', id: 'b', delta: '2' },
    )
    const before = builder.parts
    expect(builder.parts).toBe(before)
    builder.apply([{ type: 'text', id: 'b', delta: '3' }])
    expect(builder.parts).not.toBe(before)
    expect(builder.parts[0]).toBe(before[0])
    expect(before[1]).toMatchObject({ text: '2' })
    expect(builder.parts[1]).toMatchObject({ text: '23' })
  })

  it('stay those of the builder however long the text grows', () => {
    const builder = new MessageBuilder()
    for (let i = 0; i < 100_000; i++) builder.apply([{ type: 'text', delta: 'word ' }])
    expect(builder.text).toHaveLength(500_000)
    expect(builder.parts).toHaveLength(1)
  })
})

describe('other dialects', () => {
  it('read OpenAI chat with reasoning, interleaved choices, tools, usage and errors', () => {
    const choice = (index: number, delta: object) => ({ choices: [{ index, delta }] })
    const built = read(
      'openai-chat',
      choice(0, { role: 'assistant', content: '' }),
      choice(0, { reasoning_content: 'Hm' }),
      choice(0, { content: 'A' }),
      choice(1, { content: 'x' }),
      choice(0, { content: 'B' }),
      choice(0, { tool_calls: [{ index: 0, id: 'c', function: { name: 'f', arguments: '{' } }] }),
      choice(0, { tool_calls: [{ index: 0, function: { arguments: '}' } }] }),
      {
        choices: [],
        usage: { prompt_tokens: 1, completion_tokens: 2, completion_tokens_details: { reasoning_tokens: 1 } },
      },
      '[DONE]',
    )
    expect(built.parts).toEqual<Part[]>([
      { type: 'reasoning', text: 'Hm', state: 'done' },
      { type: 'text', text: 'AB', state: 'streaming' },
      { type: 'text', id: '1', text: 'x', state: 'streaming' },
      { type: 'tool', id: '0-0', name: 'f', state: 'input-streaming', inputText: '{}' },
    ])
    expect(built.usage).toEqual({ inputTokens: 1, outputTokens: 2, reasoningTokens: 1 })
  })

  it('read Anthropic with thinking, text and tools', () => {
    const built = read(
      'anthropic',
      { type: 'message_start', message: { usage: { input_tokens: 5, output_tokens: 1 } } },
      { type: 'content_block_start', index: 0, content_block: { type: 'thinking' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'Hm' } },
      { type: 'content_block_stop', index: 0 },
      { type: 'content_block_start', index: 1, content_block: { type: 'text' } },
      { type: 'ping' },
      { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'Hi' } },
      { type: 'content_block_start', index: 2, content_block: { type: 'tool_use', id: 'x', name: 'f' } },
      { type: 'content_block_delta', index: 2, delta: { type: 'input_json_delta', partial_json: '{}' } },
      { type: 'message_delta', usage: { output_tokens: 9 } },
    )
    expect(built.text).toBe('Hi')
    expect(built.parts.map((part) => part.type)).toEqual(['reasoning', 'text', 'tool'])
    expect(built.usage).toEqual({ inputTokens: 5, outputTokens: 9 })
  })

  it('read Ollama in both of its forms', () => {
    const built = read(
      'ollama',
      { message: { thinking: 'Hm' } },
      { message: { content: 'a' } },
      { response: 'b' },
      { done: true, eval_count: 2 },
    )
    expect(built.text).toBe('ab')
    expect(built.usage).toEqual({ outputTokens: 2 })
  })

  it('read plain text as it is, and generic events without their end', () => {
    expect(read('text', 'a', '{"b":1}', '').text).toBe('a{"b":1}')
    expect(read('sse', 'a', '[DONE]').text).toBe('a')
  })
})
