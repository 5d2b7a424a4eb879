import { describe, expect, it } from 'vitest'
import { readConfig } from '../../../src/server/config.ts'
import { serve } from '../../../src/server/node.ts'
import { MemoryStreamStore } from '../../../src/server/stores/memory.ts'
import { createStreamHandler } from '../../../src/server/handler.ts'
import { Client, codeOf } from './client.ts'
import { GatedModel } from './gated-model.ts'
import { SseClient } from './sse-client.ts'

const CHAT = JSON.stringify({ id: 'c', messages: [{ role: 'user', parts: [{ type: 'text', text: 'hi' }] }] })
const metrics = async (client: Client): Promise<string> => (await client.get('/metrics')).text()

describe('the figures', () => {
  it('tell bytes, and how old the newest record is when a reader that waited is handed it', async () => {
    const client = new Client()
    await client.create('/v1/stream/s/1')
    await client.append('/v1/stream/s/1', 'old')
    const reader = new SseClient(await client.get('/v1/stream/s/1?offset=-1&live=sse'))
    await reader.next()
    // What was there before is caught up with, not waited for.
    expect(await metrics(client)).toContain('headwater_delivery_lag_seconds_count 0\n')
    await client.append('/v1/stream/s/1', 'news')
    await expect.poll(() => metrics(client)).toContain('headwater_delivery_lag_seconds_count 1\n')
    const text = await metrics(client)
    expect(text).toContain('headwater_delivery_lag_seconds_bucket{le="+Inf"} 1\n')
    expect(text).toContain('headwater_appended_bytes_total 7\n')
    expect(text).toContain('headwater_delivered_bytes_total 7\n')
    await reader.close()
  })

  it('tell refusals by their code, and runs by how they ended', async () => {
    const model = new GatedModel()
    const client = new Client({ models: [model.offered] })
    await client.get('/v1/stream/none/1')
    await client.get('/v1/stream/none/2')
    const answer = await client.send('POST', '/v1/chat', {}, CHAT)
    await model.called
    await client.send('POST', '/v1/chat/c/cancel')
    await answer.text()
    const text = await metrics(client)
    expect(text).toContain('headwater_errors_total{code="unknown-stream"} 2\n')
    expect(text).toContain('headwater_model_runs_total{outcome="cancelled"} 1\n')
  })

  it('are in the format of Prometheus: each with its type and its help, once', async () => {
    const config = readConfig({}, { port: 0, store: 'memory' })
    const server = await serve({ config, models: [] })
    const text = await (await fetch(`${server.url}/metrics`)).text()
    await server.close()
    const lines = text.trimEnd().split('\n')
    const typed = lines.filter((line) => line.startsWith('# TYPE ')).map((line) => line.split(' ')[2] ?? '')
    expect(new Set(typed).size).toBe(typed.length)
    for (const line of lines.filter((each) => !each.startsWith('#'))) {
      expect(line).toMatch(/^[a-z_]+(\{[a-z]+="[^"]*"\})? -?\d+(\.\d+)?(e[+-]?\d+)?$/)
      const name = /^[a-z_]+/.exec(line)?.[0].replace(/_(bucket|sum|count)$/, '') ?? ''
      expect(typed).toContain(name)
    }
    for (const name of ['headwater_connections', 'headwater_sockets', 'process_resident_memory_bytes']) expect(typed).toContain(name) // prettier-ignore
  })
})

describe('the health', () => {
  it('is asked of the store; whether the process lives is another question', async () => {
    const store = new MemoryStreamStore()
    const handler = createStreamHandler({ store })
    const ask = (path: string): Promise<Response> => handler.fetch(new Request(`http://h${path}`))
    expect((await ask('/healthz')).status).toBe(200)
    await store.close()
    const sick = await ask('/healthz')
    expect([sick.status, await codeOf(sick)]).toEqual([503, 'no-store'])
    expect((await ask('/healthz?process')).status).toBe(200)
  })
})

describe('a server that closes', () => {
  it('takes no more requests while its runs end, and says when to come back', async () => {
    const model = new GatedModel()
    const client = new Client({ models: [model.offered] })
    await (await client.send('POST', '/v1/chat', {}, CHAT)).body?.cancel()
    await model.called
    const closing = client.handler.close()
    for (const path of ['/v1/channels', '/healthz', '/v1/stream/s/1']) {
      const answer = await client.get(path)
      expect([path, answer.status, answer.headers.get('retry-after')]).toEqual([path, 503, '1'])
    }
    await closing
  })

  it('tells its live readers to come back, each at a time of its own', async () => {
    const client = new Client()
    await client.create('/v1/stream/s/1')
    await client.append('/v1/stream/s/1', 'text')
    const paths = ['/v1/stream/s/1?offset=-1&live=sse', '/v1/channels?live=sse']
    const answers = await Promise.all(paths.map((path) => client.get(path)))
    const texts = Promise.all(answers.map((answer) => answer.text()))
    await client.handler.close()
    for (const text of await texts) expect(Number(/\nretry: (\d+)\n\n$/.exec(text)?.[1])).toBeGreaterThanOrEqual(500)
  })
})
