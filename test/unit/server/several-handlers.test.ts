import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { HeadwaterError } from '../../../src/protocol/errors.ts'
import { createStreamHandler } from '../../../src/server/handler.ts'
import type { StreamHandler } from '../../../src/server/handler.ts'
import { RedisStreamStore } from '../../../src/server/stores/redis.ts'
import { hasRedis, RedisServer } from '../../support/redis-server.ts'
import { GatedModel } from './gated-model.ts'
import { SseClient } from './sse-client.ts'

/** One server of several: its own store, handler and model. */
interface Machine {
  store: RedisStreamStore
  handler: StreamHandler
  model: GatedModel
}

describe.skipIf(!hasRedis)('several handlers on one Redis', () => {
  let redis: RedisServer
  let prefixes = 0
  /** By how much the clocks of the handlers were put forward, in milliseconds. */
  let skew = 0
  let a: Machine
  let b: Machine
  beforeAll(async () => {
    redis = await RedisServer.start()
  })
  afterAll(() => redis.close())
  beforeEach(async () => {
    prefixes += 1
    ;[a, b] = await Promise.all([machine(), machine()])
  })
  afterEach(async () => {
    for (const { handler, store } of [a, b]) {
      await handler.close()
      await store.close()
    }
  })

  async function machine(): Promise<Machine> {
    const store = new RedisStreamStore({ url: redis.url, prefix: `handlers-${prefixes}` })
    await store.ready()
    const model = new GatedModel()
    return {
      store,
      handler: createStreamHandler({ store, models: [model.offered], now: () => Date.now() + skew }),
      model,
    }
  }

  const ask = ({ handler }: Machine, key: string): Promise<Response> => {
    const messages = [{ id: 'm', role: 'user', parts: [{ type: 'text', text: 'hello' }] }]
    const body = JSON.stringify({ id: 'chat', messages })
    return handler.fetch(
      new Request('http://127.0.0.1/v1/chat', { method: 'POST', headers: { 'idempotency-key': key }, body }),
    )
  }
  const post = ({ handler }: Machine, path: string): Promise<Response> =>
    handler.fetch(new Request(`http://127.0.0.1${path}`, { method: 'POST' }))

  /** Milliseconds until a signal aborts. */
  async function abortOf(signal: AbortSignal | undefined): Promise<number> {
    const begin = performance.now()
    if (signal?.aborted === false) {
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    }
    return performance.now() - begin
  }

  it('a POST that is repeated on another machine, or sent to both at once, joins the first run', async () => {
    const [first, second] = await Promise.all([ask(a, 'key'), ask(b, 'key')])
    const model = a.model.calls + b.model.calls === 0 ? await Promise.race([called(a), called(b)]) : chosen()
    model.say('once')
    const third = await ask(model === a.model ? b : a, 'key')
    model.finish()
    const answers = await Promise.all([first, second, third].map((answer) => new SseClient(answer).rest()))
    expect(answers[1]).toEqual(answers[0])
    expect(answers[2]).toEqual(answers[0])
    expect(answers[0]?.some(({ data }) => data.includes('once'))).toBe(true)
    expect(a.model.calls + b.model.calls).toBe(1)
  })
  const called = async ({ model }: Machine): Promise<GatedModel> => {
    await model.called
    return model
  }
  const chosen = (): GatedModel => (a.model.calls > 0 ? a.model : b.model)

  it('a run is cancelled through another machine, which aborts the model call within a second', async () => {
    const answer = new SseClient(await ask(a, 'key'))
    await a.model.called
    const cancelling = post(b, '/v1/chat/chat/cancel')
    expect(await abortOf(a.model.signal)).toBeLessThan(1000)
    expect((await cancelling).status).toBe(200)
    expect((await answer.rest()).map(({ data }) => data).slice(-3)).toEqual([
      '{"type":"abort"}',
      '{"type":"data-ending","data":{"kind":"cancelled"},"transient":true}',
      '[DONE]',
    ])
  })

  it('a silent producer hears within a second of a cancel through another machine', async () => {
    const sink = await a.handler.channel('jobs').start({ id: '7' })
    await sink.write('half')
    await expect(b.handler.channel('jobs').start({ id: '7' })).rejects.toMatchObject({ code: 'live-id' })
    const cancelling = post(b, '/v1/channels/jobs/cancel')
    expect(await abortOf(sink.signal)).toBeLessThan(1000)
    expect((sink.signal.reason as HeadwaterError).code).toBe('cancelled')
    expect((await cancelling).status).toBe(200)
  })

  it('an upload through one machine is read, and ended, through another', async () => {
    const upload = await a.handler.channel('files').openInbound({ contentType: 'text/plain' })
    const append = (body: string): Promise<Response> =>
      b.handler.fetch(
        new Request(`http://127.0.0.1${upload.url}`, {
          method: 'POST',
          headers: { 'content-type': 'text/plain' },
          body,
        }),
      )
    await append('one')
    const heard: string[] = []
    for await (const text of upload) {
      heard.push(text)
      await upload.cancel()
    }
    const refused = await append('two')
    expect([heard, refused.status, refused.headers.get('stream-ending')]).toEqual([
      ['one'],
      409,
      '{"kind":"cancelled"}',
    ])
  })

  it('a stream whose process is gone ends as lost; one whose process lives, and could not say so while Redis was away, is left alone', async () => {
    const sink = await a.handler.channel('jobs').start({ id: 'lives' })
    await a.store.create({ channel: 'jobs', run: 'dead' }, { contentType: 'text/plain', writer: 'gone' })
    const upload = await b.handler.channel('jobs').openInbound({ id: 'dead', contentType: 'text/plain' })
    await forgetLeases()
    expect(await b.handler.endOrphans()).toBe(0)
    skew += 5_000
    expect(await b.handler.endOrphans()).toBe(0)
    // Holds its lease again.
    await (await a.handler.channel('jobs').start({ id: 'more' })).close()
    skew += 5_000
    expect(await b.handler.endOrphans()).toBe(1)
    await expect(upload[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'producer-lost' })
    expect(sink.signal.aborted).toBe(false)
    await sink.close()
  })

  /** As while Redis is away for longer than they last. */
  async function forgetLeases(): Promise<void> {
    const client = new Redis(redis.url)
    const leases = await client.keys('*:lease:*')
    expect(leases).not.toEqual([])
    await client.del(leases)
    client.disconnect()
  }

  it('a producer waits while Redis is away, and doubles nothing', async () => {
    const sink = await a.handler.channel('jobs').start({ id: '7' })
    await sink.write('0;')
    await redis.kill()
    const written = Promise.all(Array.from({ length: 50 }, (_, i) => sink.write(`${i + 1};`)))
    await redis.up()
    await written
    await sink.close()
    const page = await b.store.read({ channel: 'jobs', run: '7' }, 'start', 1e6)
    const text = page.kind === 'page' ? page.records.map((record) => new TextDecoder().decode(record)).join('') : ''
    expect(text).toBe(Array.from({ length: 51 }, (_, i) => `${i};`).join(''))
  })
})
