import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createStreamHandler } from '../../../src/server/handler.ts'
import type { StreamHandler } from '../../../src/server/handler.ts'
import { MemoryStreamStore } from '../../../src/server/stores/memory.ts'
import type { AppendRequest, AppendResult, StreamName } from '../../../src/server/stream-store.ts'
import { codeOf } from './client.ts'
import { GatedModel } from './gated-model.ts'
import { SseClient } from './sse-client.ts'

class LimitedStore extends MemoryStreamStore {
  isFull = false
  refused = 0

  override append(name: StreamName, request: AppendRequest): Promise<AppendResult> {
    if (!this.isFull) return super.append(name, request)
    this.refused += 1
    return Promise.reject(new Error('ENOSPC: no space left on /secret/folder'))
  }
}

let store: LimitedStore
let model: GatedModel
let handler: StreamHandler
let failures: unknown[]

beforeEach(() => {
  store = new LimitedStore()
  model = new GatedModel()
  failures = []
  handler = createStreamHandler({ store, models: [model.offered], onError: (error) => failures.push(error) })
})
afterEach(() => handler.close())

function send(method: string, path: string, body?: string, type = 'text/plain'): Promise<Response> {
  const headers = { 'content-type': type }
  return handler.fetch(new Request(`http://127.0.0.1${path}`, { method, headers, ...(body !== undefined && { body }) }))
}

describe('on a full disk', () => {
  it('an append is refused with 500 and no word about the inside, and is taken once there is room', async () => {
    await send('PUT', '/v1/stream/a/1')
    store.isFull = true
    const refused = await send('POST', '/v1/stream/a/1', 'text')
    expect(refused.status).toBe(500)
    const text = await refused.clone().text()
    expect([await codeOf(refused), text.includes('secret')]).toEqual(['internal', false])
    expect(failures).toHaveLength(1)
    store.isFull = false
    expect((await send('POST', '/v1/stream/a/1', 'text')).status).toBe(204)
    expect(await (await send('GET', '/v1/stream/a/1')).text()).toBe('text')
  })

  it('a run of a model stops calling it, and ends for its readers once there is room, with all that it had said', async () => {
    const messages = [{ id: 'm', role: 'user', parts: [{ type: 'text', text: 'hello' }] }]
    const response = await send('POST', '/v1/chat', JSON.stringify({ id: 'chat:1', messages }), 'application/json')
    await model.called
    const reader = new SseClient(response)
    await reader.until(({ data }) => data.includes('text-start'))
    store.isFull = true
    model.say('what comes too late')
    await expect.poll(() => model.signal?.aborted).toBe(true)
    // A wait that ends: the model is stopped, and more cannot be done now.
    const cancelled = await send('POST', '/v1/chat/chat%3A1/cancel')
    expect([cancelled.status, await codeOf(cancelled)]).toEqual([500, 'internal'])
    store.isFull = false
    expect((await reader.rest()).map(({ data }) => data)).toEqual([
      expect.stringContaining('what comes too late'),
      expect.stringContaining('The server could not store the answer'),
      '{"type":"data-ending","data":{"kind":"error","code":"store"},"transient":true}',
      '[DONE]',
    ])
  })

  it('a server that stops waits for no room; the next one ends what was left open', async () => {
    const messages = [{ id: 'm', role: 'user', parts: [{ type: 'text', text: 'hello' }] }]
    await send('POST', '/v1/chat', JSON.stringify({ id: 'chat:1', messages }), 'application/json')
    await model.called
    store.isFull = true
    model.say('nobody can keep this')
    await expect.poll(() => model.signal?.aborted).toBe(true)
    await handler.close()
    store.isFull = false
    const next = createStreamHandler({ store })
    expect(await next.endOrphans()).toBe(1)
    expect((await store.runs('chat:1')).map(({ ending }) => ending)).toEqual([{ kind: 'error', code: 'producer-lost' }])
    await next.close()
  })
})

it('a run that is cancelled before its model was called ends as cancelled', async () => {
  const create = store.create.bind(store)
  let cancelling: Promise<Response> | null = null
  store.create = async (name, request) => {
    const created = await create(name, request)
    // Whoever follows the channel may learn of the run before its maker goes on.
    cancelling = send('POST', '/v1/channels/chat%3A1/cancel')
    await cancelling
    return created
  }
  const messages = [{ id: 'm', role: 'user', parts: [{ type: 'text', text: 'hello' }] }]
  await send('POST', '/v1/chat', JSON.stringify({ id: 'chat:1', messages }), 'application/json')
  const { runs } = (await (await send('GET', '/v1/channels/chat%3A1')).json()) as { runs: { status: string }[] }
  expect([cancelling === null, runs.map(({ status }) => status)]).toEqual([false, ['cancelled']])
  await expect
    .poll(async () => (await (await send('GET', '/metrics')).text()).includes('headwater_model_runs 0'))
    .toBe(true)
})
