import { describe, expect, it } from 'vitest'
import { readConfig } from '../../../src/server/config.ts'
import { createDemoModel } from '../../../src/server/models/demo-model.ts'
import { demoAnswer } from '../../../src/server/models/demo-text.ts'
import { findModels } from '../../../src/server/models/find-models.ts'
import { describeModelError } from '../../../src/server/chat/model-error.ts'
import { Client } from './client.ts'
import { SseClient } from './sse-client.ts'

/** A network in which only these addresses answer. */
function network(answers: Record<string, unknown>): { fetch: typeof fetch; asked: Request[] } {
  const asked: Request[] = []
  return {
    asked,
    fetch: async (input, init) => {
      const request = new Request(input, init)
      asked.push(request)
      const answer = answers[request.url]
      if (answer === undefined) throw new TypeError('fetch failed')
      return answer instanceof Response ? answer : Response.json(answer)
    },
  }
}

const find = async (env: Record<string, string>, answers: Record<string, unknown>) => {
  const { fetch, asked } = network(answers)
  const models = await findModels({ config: readConfig(env).models, fetch })
  return { ids: models.map(({ info }) => info.id), models, asked }
}

const list = (...ids: string[]): unknown => ({ object: 'list', data: ids.map((id) => ({ id })) })

describe('finding models', () => {
  it('offers the demo model, and says that it is one, where there is nothing else', async () => {
    const { models } = await find({}, {})
    expect(models.map(({ info }) => info)).toEqual([
      { id: 'demo', provider: 'demo', label: 'Demo (no model configured)', demo: true },
    ])
  })

  it('offers what each configured provider lists, without those that cannot chat', async () => {
    const { ids, asked } = await find(
      { OPENAI_BASE_URL: 'http://box:1/v1/', OPENAI_API_KEY: 'k', ANTHROPIC_API_KEY: 'a', OLLAMA_HOST: 'box:2' },
      {
        'http://box:1/v1/models': list('gpt', 'text-embedding-3'),
        'https://api.anthropic.com/v1/models': list('claude'),
        'http://box:2/v1/models': list('llama'),
      },
    )
    expect(ids).toEqual(['openai/gpt', 'anthropic/claude', 'ollama/llama'])
    expect(asked.find((request) => request.url.startsWith('http://box:1'))?.headers.get('authorization')).toBe(
      'Bearer k',
    )
  })

  it('still offers a configured endpoint that has no list, or answers with nonsense', async () => {
    const { ids } = await find({ OPENAI_BASE_URL: 'http://box:1/v1' }, { 'http://box:1/v1/models': '<html>' })
    expect(ids).toEqual(['openai/default'])
  })
})

describe('the OpenAI-compatible provider', () => {
  it('streams an answer into a run, and a broken connection ends it as an error', async () => {
    const delta = (content: string, finish: string | null = null): string =>
      `data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content }, finish_reason: finish }] })}\n\n`
    const sse = (...parts: string[]): Response =>
      new Response(parts.join(''), { headers: { 'content-type': 'text/event-stream' } })
    const answers: Record<string, unknown> = { 'http://box:1/v1/models': list('m') }
    const { fetch } = network(answers)
    const models = await findModels({ config: readConfig({ OPENAI_BASE_URL: 'http://box:1/v1' }).models, fetch })
    const client = new Client({ models })
    const ask = async (id: string): Promise<string[]> => {
      const body = JSON.stringify({ id, messages: [{ role: 'user', parts: [{ type: 'text', text: 'hi' }] }] })
      return (await new SseClient(await client.send('POST', '/v1/chat', {}, body)).rest()).map((event) => event.data)
    }
    answers['http://box:1/v1/chat/completions'] = sse(delta('Hel'), delta('lo'), delta('', 'stop'), 'data: [DONE]\n\n')
    const whole = await ask('whole')
    expect(whole.filter((data) => data.includes('text-delta')).length).toBe(2)
    expect(whole.at(-2)).toContain('"finish"')
    answers['http://box:1/v1/chat/completions'] = sse(delta('Hel'))
    const broken = await ask('broken')
    expect(broken.at(-2)).toContain('"upstream-error"')
    expect(broken.some((data) => data.includes('Hel'))).toBe(true)
    await client.handler.close()
  })
})

describe('the demo model', () => {
  it('says the same to the same prompt, with everything that Markdown has', () => {
    expect(demoAnswer('hello')).toEqual(demoAnswer('hello'))
    const { text, reasoning } = demoAnswer('why *is* `it` so?\n# x')
    expect(text).toContain('“why is it so? x”')
    for (const piece of ['\n### ', '\n- ', '| --- |', '\n```ts\n', '**']) expect(text).toContain(piece)
    expect(reasoning.length).toBeGreaterThan(50)
  })

  it('talks as long as it is asked to', () => {
    const words = (prompt: string): number => demoAnswer(prompt).text.match(/\S+/g)?.length ?? 0
    expect(words('tell me in 1000 words')).toBeGreaterThanOrEqual(1000)
    expect(words('tell me in 1000 words')).toBeLessThan(1100)
    expect(words('in 999999 words')).toBeLessThan(21_000)
  })

  it('fails in mid-answer where it is asked to, keeping what it had said', async () => {
    const client = new Client({ models: [createDemoModel({ delayMs: 0 })] })
    const body = JSON.stringify({
      id: 'c',
      messages: [{ role: 'user', parts: [{ type: 'text', text: 'Fail please' }] }],
    })
    const events = await new SseClient(await client.send('POST', '/v1/chat', {}, body)).rest()
    expect(events.filter((event) => event.data.includes('"text-delta"')).length).toBeGreaterThan(10)
    expect(events.filter((event) => event.data.includes('"reasoning-delta"')).length).toBeGreaterThan(10)
    expect(events.at(-3)?.data).toBe('{"type":"error","errorText":"The demo model failed, as it was asked to."}')
    await client.handler.close()
  })

  it('stops at once when it is cancelled between two tokens', async () => {
    const client = new Client({ models: [createDemoModel({ delayMs: 600_000 })] })
    const body = JSON.stringify({ id: 'c', messages: [{ role: 'user', parts: [{ type: 'text', text: 'hi' }] }] })
    const response = await client.send('POST', '/v1/chat', {}, body)
    expect((await client.send('POST', '/v1/chat/c/cancel')).status).toBe(200)
    expect((await new SseClient(response).rest()).at(-1)?.data).toBe('[DONE]')
    await client.handler.close()
  })
})

it('takes keys and credentials out of what a provider says', () => {
  for (const secret of ['sk-proj-abc123def456', 'Bearer abc.def', 'key-abcdefgh', 'http://me:hush@host/']) {
    const said = describeModelError(new Error(`refused: ${secret} is wrong\n  at stack`))
    expect(said).toMatch(/^refused: .* is wrong at stack$/)
    expect(said).not.toMatch(/abc|hush/)
  }
  expect(describeModelError('x'.repeat(10_000)).length).toBeLessThan(600)
  expect(describeModelError(undefined)).toBe('The model failed without saying why.')
})
