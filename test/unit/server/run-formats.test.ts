import { jsonSchema, readUIMessageStream, stepCountIs, tool } from 'ai'
import type { LanguageModel, UIMessage, UIMessageChunk } from 'ai'
import { convertArrayToReadableStream, MockLanguageModelV3 } from 'ai/test'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Client } from './client.ts'
import { SseClient } from './sse-client.ts'

type Model = Extract<LanguageModel, { specificationVersion: 'v3' }>
type Part = Awaited<ReturnType<Model['doStream']>>['stream'] extends ReadableStream<infer Each> ? Each : never

const usage = {
  inputTokens: { total: 7, noCache: 7, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 5, text: 3, reasoning: 2 },
}
const FIRST: Part[] = [
  { type: 'stream-start', warnings: [] },
  { type: 'reasoning-start', id: 'r' },
  { type: 'reasoning-delta', id: 'r', delta: 'think' },
  { type: 'reasoning-end', id: 'r' },
  { type: 'source', sourceType: 'url', id: 's', url: 'https://example.org/', title: 'Source' },
  { type: 'file', mediaType: 'image/png', data: 'AAAA' },
  { type: 'tool-call', toolCallId: 'c', toolName: 'weather', input: '{"city":"Bern"}' },
  { type: 'finish', finishReason: { unified: 'tool-calls', raw: 'tool' }, usage },
]
const SECOND: Part[] = [
  { type: 'stream-start', warnings: [] },
  { type: 'text-start', id: 't' },
  { type: 'text-delta', id: 't', delta: 'It is ' },
  { type: 'text-delta', id: 't', delta: 'sunny.' },
  { type: 'text-end', id: 't' },
  { type: 'finish', finishReason: { unified: 'stop', raw: 'stop' }, usage },
]

/** A model that says everything there is, with a tool that the server runs. */
function fullModel(): { client: Client; prompts: unknown[] } {
  const prompts: unknown[] = []
  const steps = [FIRST, SECOND]
  const model = new MockLanguageModelV3({
    doStream: ({ prompt }) => {
      prompts.push(prompt)
      return Promise.resolve({ stream: convertArrayToReadableStream(steps[prompts.length - 1] ?? []) })
    },
  })
  const weather = tool({
    inputSchema: jsonSchema<{ city: string }>({ type: 'object', properties: { city: { type: 'string' } } }),
    execute: ({ city }) => ({ city, sky: 'clear' }),
  })
  const info = { id: 'full', provider: 'test', label: 'full', demo: false }
  const settings = { system: 'Be brief.', tools: { weather }, stopWhen: stepCountIs(2) }
  return { client: new Client({ models: [{ info, model, settings }] }), prompts }
}

let client: Client
let prompts: unknown[]
beforeEach(() => void ({ client, prompts } = fullModel()))
afterEach(() => client.handler.close())

const ask = (headers: Record<string, string> = {}): Promise<Response> => {
  const messages = [{ id: 'm', role: 'user', parts: [{ type: 'text', text: 'hello' }] }]
  return client.send('POST', '/v1/chat', headers, JSON.stringify({ id: 'c', messages }))
}

async function messageOf(chunks: readonly UIMessageChunk[]): Promise<UIMessage | undefined> {
  const stream = new ReadableStream<UIMessageChunk>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk)
      controller.close()
    },
  })
  let last: UIMessage | undefined
  for await (const message of readUIMessageStream({ stream })) last = message
  return last
}

const EXPECTED = {
  role: 'assistant',
  metadata: { usage: { inputTokens: 14, outputTokens: 10, totalTokens: 24 } },
  parts: [
    { type: 'step-start' },
    { type: 'reasoning', text: 'think' },
    { type: 'source-url', url: 'https://example.org/', title: 'Source' },
    { type: 'file', mediaType: 'image/png', url: 'data:image/png;base64,AAAA' },
    { type: 'tool-weather', state: 'output-available', input: { city: 'Bern' }, output: { sky: 'clear' } },
    { type: 'step-start' },
    { type: 'text', text: 'It is sunny.' },
  ],
}

describe('reasoning, sources, files, tools, text and usage of a model arrive', () => {
  it('as a UI message stream of the AI SDK', async () => {
    const events = await new SseClient(await ask()).rest()
    expect(events.at(-1)?.data).toBe('[DONE]')
    const chunks = events.slice(0, -1).map(({ data }) => JSON.parse(data) as UIMessageChunk)
    expect(await messageOf(chunks)).toMatchObject(EXPECTED)
    expect(JSON.stringify(prompts)).toContain('Be brief.')
  })

  it('in the log of the run, by offset', async () => {
    const answer = await ask()
    const run = new URL(answer.headers.get('location') ?? '', 'http://host').searchParams.get('run') ?? ''
    await answer.text()
    const all = (await (await client.get(`/v1/stream/c/${run}?offset=-1`)).json()) as UIMessageChunk[]
    expect(await messageOf(all)).toMatchObject(EXPECTED)
    const events = await new SseClient(await client.get(`/v1/chat/c/stream?run=${run}`)).rest()
    const middle = events[4]?.id ?? ''
    const rest = (await (await client.get(`/v1/stream/c/${run}?offset=${middle}`)).json()) as UIMessageChunk[]
    expect(rest).toEqual(all.slice(5))
  })

  it('as plain text, which is what is said and nothing else', async () => {
    for (const accept of ['text/plain', 'text/event-stream;q=0.5, text/plain']) {
      prompts.length = 0
      const answer = await ask({ accept })
      expect([answer.headers.get('content-type'), await answer.text()]).toEqual([
        'text/plain; charset=utf-8',
        'It is sunny.',
      ])
    }
    prompts.length = 0
    const answer = await ask({ accept: '*/*' })
    expect(answer.headers.get('content-type')).toBe('text/event-stream')
    await answer.text()
    const run = new URL(answer.headers.get('location') ?? '', 'http://host').searchParams.get('run') ?? ''
    const again = await client.get(`/v1/chat/c/stream?run=${run}`, { accept: 'text/plain' })
    expect(await again.text()).toBe('It is sunny.')
  })
})

it('a model that cannot be called says why in the answer, without its key', async () => {
  const model = new MockLanguageModelV3({
    doStream: () => Promise.reject(new Error('the key plain-words is wrong at https://me:pass@host/')),
  })
  const info = { id: 'bad', provider: 'test', label: 'bad', demo: false }
  client = new Client({ models: [{ info, model, secrets: ['plain-words'], settings: { maxRetries: 0 } }] })
  const text = await (await ask()).text()
  expect(text).toContain('the key … is wrong')
  expect(text).toContain('"code":"upstream-error"')
  expect(text).not.toMatch(/plain-words|pass@/)
})
