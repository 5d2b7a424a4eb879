import { readUIMessageStream } from 'ai'
import type { UIMessage, UIMessageChunk } from 'ai'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createStreamHandler } from '../../../src/server/handler.ts'
import type { StreamHandler } from '../../../src/server/handler.ts'
import { MemoryStreamStore } from '../../../src/server/stores/memory.ts'
import { GatedModel } from './gated-model.ts'
import { SseClient } from './sse-client.ts'

const ORIGIN = 'http://127.0.0.1'

let store: MemoryStreamStore
let model: GatedModel
let handler: StreamHandler

beforeEach(() => {
  store = new MemoryStreamStore()
  model = new GatedModel()
  handler = createStreamHandler({ store, models: [model.offered] })
})
afterEach(() => handler.close())

const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  handler.fetch(new Request(ORIGIN + path, { headers }))

const post = (path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  handler.fetch(
    new Request(ORIGIN + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    }),
  )

const message = (text: string): unknown => ({ id: 'm1', role: 'user', parts: [{ type: 'text', text }] })
const ask = (id = 'chat:1', headers: Record<string, string> = {}): Promise<Response> =>
  post('/v1/chat', { id, messages: [message('hello')] }, headers)

const parse = (data: string): UIMessageChunk => JSON.parse(data) as UIMessageChunk
const isDelta = (text: string) => (event: { data: string }) => event.data.includes(`"delta":"${text}"`)

async function errorOf(response: Response): Promise<string> {
  return ((await response.json()) as { error: { code: string } }).error.code
}

/** Resolves once a model call was told to stop. */
async function aborted(signal: AbortSignal | null | undefined): Promise<void> {
  if (signal?.aborted !== true) await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve()))
}

describe('a chat run', () => {
  it('streams the model as AI SDK chunks that the AI SDK itself reads, and ends with [DONE]', async () => {
    const response = await ask()
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    expect(response.headers.get('x-vercel-ai-ui-message-stream')).toBe('v1')
    await model.called
    model.say('Hello')
    model.say(' world')
    model.finish()
    const events = await new SseClient(response).rest()
    expect(events.at(-1)?.data).toBe('[DONE]')
    const chunks = events.slice(0, -1).map((event) => parse(event.data))
    const stream = new ReadableStream<UIMessageChunk>({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(chunk)
        controller.close()
      },
    })
    let last: UIMessage | undefined
    for await (const state of readUIMessageStream({ stream })) last = state
    expect(last?.parts.find((part) => part.type === 'text')).toMatchObject({ text: 'Hello world', state: 'done' })
  })

  it('names addresses at which it is continued after any event, live or ended, and repeats none', async () => {
    const response = await ask('chat: ä/1')
    const location = response.headers.get('location') ?? ''
    expect(location).toMatch(/^\/v1\/chat\/chat%3A%20%C3%A4%2F1\/stream\?run=run-/)
    await model.called
    const first = new SseClient(response)
    model.say('one')
    const seen = await first.until(isDelta('one'))
    await first.close()
    const offset = seen.at(-1)?.id ?? ''

    const byHeader = new SseClient(await get(location, { 'last-event-id': offset }))
    model.say('two')
    expect((await byHeader.next())?.data).toContain('"delta":"two"')
    model.finish()
    const rest = await byHeader.rest()
    const byQuery = await new SseClient(await get(`${location}&offset=${offset}`)).rest()
    expect(byQuery.map((event) => event.id).slice(1)).toEqual(rest.map((event) => event.id))
    expect(byQuery[0]?.data).toContain('"delta":"two"')
    expect(model.calls).toBe(1)
  })

  it('goes on when all its readers are gone', async () => {
    const response = await ask()
    await model.called
    await response.body?.cancel()
    model.say('still here')
    model.finish()
    const events = await new SseClient(await get(response.headers.get('location') ?? '')).rest()
    expect(events.some(isDelta('still here'))).toBe(true)
    expect(model.signal?.aborted).toBe(false)
  })

  it('is one run for one Idempotency-Key in one channel, and two in two', async () => {
    const [first, second] = await Promise.all([
      ask('chat:1', { 'idempotency-key': 'key' }),
      ask('chat:1', { 'idempotency-key': 'key' }),
    ])
    await model.called
    model.say('once')
    model.finish()
    const [a, b] = await Promise.all([new SseClient(first).rest(), new SseClient(second).rest()])
    expect(b).toEqual(a)
    expect(model.calls).toBe(1)
    // Ended, it is still the same run.
    const third = await ask('chat:1', { 'idempotency-key': 'key' })
    expect(await new SseClient(third).rest()).toEqual(a)
    expect(model.calls).toBe(1)
    await ask('chat:2', { 'idempotency-key': 'key' })
    await expect.poll(() => model.calls).toBe(2)
  })

  it('is cancelled at the address that its answer named: the call is aborted, and all readers are told', async () => {
    const response = await ask()
    const link = /^<(.*)>; rel="cancel"$/.exec(response.headers.get('link') ?? '')?.[1] ?? ''
    await model.called
    model.say('half')
    const reader = new SseClient(response)
    await reader.until(isDelta('half'))
    const cancelled = await post(link)
    expect(cancelled.status).toBe(200)
    expect(await cancelled.json()).toMatchObject({ status: 'cancelled', ending: { kind: 'cancelled' } })
    expect(model.signal?.aborted).toBe(true)
    expect((await reader.rest()).map((event) => event.data)).toEqual([
      '{"type":"abort"}',
      '{"type":"data-ending","data":{"kind":"cancelled"},"transient":true}',
      '[DONE]',
    ])
    expect((await post(link)).status).toBe(200)
    expect((await post('/v1/chat/chat%3A1/cancel?run=other')).status).toBe(404)
  })

  it('ends as an error when the model fails, with its reason and without its secrets', async () => {
    const response = await ask()
    await model.called
    model.say('half')
    const reader = new SseClient(response)
    await reader.until(isDelta('half'))
    model.fail(new Error('key sk-abcdefghijkl was refused, and so was plain-words'))
    const data = (await reader.rest()).map((event) => event.data)
    expect(data).toEqual([
      '{"type":"error","errorText":"key … was refused, and so was …"}',
      '{"type":"data-ending","data":{"kind":"error","code":"upstream-error"},"transient":true}',
      '[DONE]',
    ])
  })

  it('takes a model that falls silent without a reason for a broken connection, not for an answer', async () => {
    const response = await ask()
    await model.called
    model.say('half')
    model.finish(null)
    const data = (await new SseClient(response).rest()).map((event) => event.data)
    expect(data.some((each) => each.includes('"finish"'))).toBe(false)
    expect(data.at(-2)).toContain('"upstream-error"')
  })

  it('is the live run of its channel until it ends', async () => {
    expect((await get('/v1/chat/chat%3A1/stream')).status).toBe(204)
    const response = await ask()
    await model.called
    model.say('live')
    const live = new SseClient(await get('/v1/chat/chat%3A1/stream'))
    await live.until(isDelta('live'))
    model.finish()
    await new SseClient(response).rest()
    expect((await live.rest()).at(-1)?.data).toBe('[DONE]')
    expect((await get('/v1/chat/chat%3A1/stream')).status).toBe(204)
  })

  it('cannot be written to or ended by a producer from outside', async () => {
    const response = await ask()
    const run = new URL(ORIGIN + (response.headers.get('location') ?? '')).searchParams.get('run') ?? ''
    const path = `/v1/stream/chat%3A1/${run}`
    expect((await post(path, '{"type":"text-delta"}')).status).toBe(405)
    expect((await post(path, undefined, { 'stream-closed': 'true' })).status).toBe(405)
    expect((await get(`${path}?offset=-1`)).status).toBe(200)
  })

  it('is aborted when its stream is deleted', async () => {
    const response = await ask()
    await model.called
    const run = new URL(ORIGIN + (response.headers.get('location') ?? '')).searchParams.get('run') ?? ''
    const request = new Request(`${ORIGIN}/v1/stream/chat%3A1/${run}`, { method: 'DELETE' })
    expect((await handler.fetch(request)).status).toBe(204)
    await aborted(model.signal)
    expect((await get(response.headers.get('location') ?? '')).status).toBe(410)
  })

  it('is ended as lost by the next process, and its reader goes on from its old place', async () => {
    const response = await ask()
    await model.called
    model.say('half')
    const reader = new SseClient(response)
    const offset = (await reader.until(isDelta('half'))).at(-1)?.id ?? ''
    // Another handler on the same store, while the first is still there: what a restart after a kill looks like from the store.
    const next = createStreamHandler({ store, models: [] })
    await store.create({ channel: 'build', run: '1' }, { contentType: 'text/plain' })
    expect(await next.endOrphans()).toBe(1)
    const location = ORIGIN + (response.headers.get('location') ?? '')
    const rest = await new SseClient(
      await next.fetch(new Request(location, { headers: { 'last-event-id': offset } })),
    ).rest()
    expect(rest.map((event) => event.data)).toEqual([
      expect.stringContaining('"type":"error"'),
      '{"type":"data-ending","data":{"kind":"error","code":"producer-lost"},"transient":true}',
      '[DONE]',
    ])
    expect(await next.endOrphans()).toBe(0)
    expect(await store.info({ channel: 'build', run: '1' })).toMatchObject({ ending: null })
    // The old process finds out at once, and stops paying for the answer.
    await aborted(model.signal)
  })

  it('ends as lost when its server closes', async () => {
    const response = await ask()
    await model.called
    await handler.close()
    const data = (await new SseClient(response).rest()).map((event) => event.data)
    expect(data.at(-2)).toContain('"producer-lost"')
    expect(model.signal?.aborted).toBe(true)
    expect((await get('/healthz')).status).toBe(503)
  })
})

describe('a chat request that is refused', () => {
  it.each([
    ['no JSON', '{', 'bad-json'],
    ['no messages', { id: 'c', messages: [] }, 'bad-message'],
    ['a message of nobody', { id: 'c', messages: [{ role: 'nobody', parts: [] }] }, 'bad-message'],
    ['parts without a type', { id: 'c', messages: [{ role: 'user', parts: [{}] }] }, 'bad-message'],
    ['nothing said', { id: 'c', messages: [{ role: 'user', parts: [] }] }, 'bad-message'],
    ['an empty channel', { id: '', messages: [message('x')] }, 'bad-name'],
    ['a control character in the channel', { id: 'a\nb', messages: [message('x')] }, 'bad-name'],
    ['an unknown model', { id: 'c', model: 'gpt-0', messages: [message('x')] }, 'unknown-model'],
  ])('says what is wrong with %s', async (_, body, code) => {
    const response = await post('/v1/chat', body)
    expect(response.status).toBe(400)
    expect(await errorOf(response)).toBe(code)
    expect(model.calls).toBe(0)
    expect(await store.channels()).toEqual([])
  })

  it('says 404 for an unknown run, and 400 for a place that no stream gives', async () => {
    expect((await get('/v1/chat/c/stream?run=r')).status).toBe(404)
    expect((await post('/v1/chat/c/cancel')).status).toBe(404)
    const response = await ask('c')
    const location = response.headers.get('location') ?? ''
    expect((await get(`${location}&offset=7`)).status).toBe(400)
    expect((await get(`${location}&offset=${'9'.repeat(16)}_${'9'.repeat(16)}`)).status).toBe(410)
  })
})

it('lists its models, the first as the default', async () => {
  const response = await get('/v1/models')
  expect(await response.json()).toEqual({
    models: [{ id: 'gated', provider: 'test', label: 'gated', demo: false }],
    default: 'gated',
  })
})
