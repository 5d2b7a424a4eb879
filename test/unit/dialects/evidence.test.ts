import { describe, expect, it } from 'vitest'
import { judge } from '../../../src/dialects/evidence.ts'
import { findDialect } from '../../../src/dialects/find-dialect.ts'
import type { NewChunk } from '../../../src/protocol/chunk.ts'
import type { Verdict } from '../../../src/protocol/verdict.ts'

const run = (dialect: string, ...chunks: (string | Partial<NewChunk>)[]) => {
  let verdict: Verdict | null = null
  for (const given of chunks) {
    const chunk: NewChunk = { time: 0, data: '', ...(typeof given === 'string' ? { data: given } : given) }
    const judged = judge(findDialect(dialect)?.terminal ?? [], chunk, verdict)
    if (judged.ending) return judged
    verdict = judged.verdict
  }
  return { verdict }
}

describe('evidence of the end', () => {
  it('is [DONE] in an AI SDK stream, and nothing that a text says', () => {
    expect(run('ai-sdk', '{"type":"text-delta","id":"0","delta":"[DONE]"}', '{"type":"finish"}')).toEqual({
      verdict: null,
    })
    expect(run('ai-sdk', '[DONE]').ending).toEqual({ kind: 'done' })
  })

  it('fault 14: an abort is no success', () => {
    expect(run('ai-sdk', '{"type":"abort"}', '[DONE]').ending).toEqual({ kind: 'cancelled' })
  })

  it('fault 21: an error is not undone by the mark that follows it', () => {
    expect(run('ai-sdk', '{"type":"error","errorText":"no credit"}', '[DONE]')).toMatchObject({
      ending: { kind: 'error', code: 'upstream-error' },
      message: 'no credit',
    })
  })

  it('takes the ending of our own data part, with the text of the error before it', () => {
    const ending = '{"type":"data-ending","data":{"kind":"error","code":"producer-lost"},"transient":true}'
    expect(run('ai-sdk', '{"type":"error","errorText":"gone"}', ending, '[DONE]')).toMatchObject({
      ending: { kind: 'error', code: 'producer-lost' },
      message: 'gone',
    })
  })

  it('is not taken from words inside a text', () => {
    expect(run('ai-sdk', JSON.stringify({ type: 'text-delta', delta: '"type":"error"' }))).toEqual({ verdict: null })
    expect(run('ollama', JSON.stringify({ response: '"done":true', done: false }))).toEqual({ verdict: null })
  })

  it.each([
    ['openai-chat', '[DONE]', 'done'],
    ['openai-chat', '{"error":{"message":"x"}}', 'error'],
    ['anthropic', { event: 'message_stop', data: '{"type":"message_stop"}' }, 'done'],
    ['anthropic', { event: 'error', data: '{"error":{"message":"x"}}' }, 'error'],
    ['ollama', '{"response":"","done":true}', 'done'],
    ['ollama', '{"error":"x"}', 'error'],
    ['sse', { event: 'done', data: 'bye' }, 'done'],
    ['sse', { event: 'error', data: 'x' }, 'error'],
  ] as const)('%s: %j is %s', (dialect, chunk, kind) => {
    const judged = run(dialect, chunk)
    expect(judged).toMatchObject({ ending: { kind }, ...(kind === 'error' && { message: 'x' }) })
  })
})
