import { afterEach, describe, expect, it } from 'vitest'
import { createStreamHandler, type StreamHandler } from '../../../src/server/handler.ts'
import { MemoryStreamStore } from '../../../src/server/stores/memory.ts'
import { RedisStreamStore } from '../../../src/server/stores/redis.ts'
import type { StreamStore } from '../../../src/server/stream-store.ts'
import { hasRedis, RedisServer } from '../../support/redis-server.ts'
import { codeOf, ORIGIN } from './client.ts'

const LOST = '{"kind":"error","code":"producer-lost"}'
const PATH = '/v1/stream/mic/1'

/** Servers on one store, with a clock that is stepped. */
interface Bed {
  servers: StreamHandler[]
  step(seconds: number): void
  close(): Promise<void>
}

const beds: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of beds.splice(0)) await close()
})

async function open(
  makeStores: (now: () => number) => Promise<{ stores: StreamStore[]; end(): Promise<void> }>,
): Promise<Bed> {
  let time = 1_000_000_000
  const now = (): number => time
  const { stores, end } = await makeStores(now)
  const close = async (): Promise<void> => {
    for (const store of stores) await store.close()
    await end()
  }
  beds.push(close)
  return {
    servers: stores.map((store) => createStreamHandler({ store, now })),
    step: (s) => void (time += s * 1000),
    close,
  }
}

const send = (
  server: StreamHandler | undefined,
  method: string,
  headers: Record<string, string> = {},
  body?: string,
): Promise<Response> => {
  if (server === undefined) throw new Error('no server')
  return server.fetch(new Request(ORIGIN + PATH, { method, headers, ...(body !== undefined && { body }) }))
}

const create = (server: StreamHandler | undefined, lease = '100'): Promise<Response> =>
  send(server, 'PUT', { 'content-type': 'text/plain', 'stream-lease': lease })
const beat = (server: StreamHandler | undefined): Promise<Response> => send(server, 'POST', { 'stream-lease': '100' })
const say = (server: StreamHandler | undefined, text: string): Promise<Response> =>
  send(server, 'POST', { 'content-type': 'text/plain' }, text)
const ending = async (server: StreamHandler | undefined): Promise<string | null> =>
  (await send(server, 'HEAD')).headers.get('stream-ending')

/** The stores of so many servers, on one Redis or each in the memory of one. */
const KINDS = [
  {
    kind: 'one server in memory',
    skip: false,
    makeStores: (now: () => number) =>
      Promise.resolve({ stores: [new MemoryStreamStore({ now })], end: () => Promise.resolve() }),
  },
  {
    kind: 'three servers on one Redis',
    skip: !hasRedis,
    makeStores: async (now: () => number) => {
      const redis = await RedisServer.start()
      const stores = [1, 2, 3].map(() => new RedisStreamStore({ url: redis.url, now }))
      await Promise.all(stores.map((store) => store.ready()))
      return { stores, end: () => redis.close() }
    },
  },
]

for (const { kind, skip, makeStores } of KINDS) {
  describe.skipIf(skip)(`leases, ${kind}`, () => {
    it('ends a stream whose producer falls silent, once, with all that it wrote', async () => {
      const { servers, step } = await open(makeStores)
      const [first] = servers
      const last = servers.at(-1)
      const created = await create(first)
      expect([created.status, created.headers.get('stream-lease')]).toEqual([201, '100'])
      step(60)
      expect((await say(last, 'a')).status).toBe(204)
      step(60)
      expect((await beat(first)).status, 'a sign of life without a word').toBe(204)
      step(99)
      const sweep = async (): Promise<number> =>
        (await Promise.all(servers.map((server) => server.endOrphans()))).reduce((sum, count) => sum + count, 0)
      expect(await sweep()).toBe(0)
      expect(await ending(last)).toBeNull()
      step(1)
      expect(await sweep(), 'noticed, and given time').toBe(0)
      step(29)
      expect(await sweep()).toBe(0)
      step(1)
      expect(await sweep(), 'of all servers, one ended it').toBe(1)
      for (const server of servers) expect(await ending(server)).toBe(LOST)
      expect(await sweep()).toBe(0)
      const read = await send(first, 'GET')
      expect([await read.text(), read.headers.get('stream-closed')]).toEqual(['a', 'true'])
    })

    it('tells a producer that comes back too late how its stream ended', async () => {
      const { servers, step } = await open(makeStores)
      const [server] = servers
      await create(server, '10')
      step(10)
      await server?.endOrphans()
      step(10)
      expect(await server?.endOrphans()).toBe(1)
      for (const answer of [await say(server, 'late'), await beat(server)]) {
        expect(answer.status).toBe(409)
        expect(answer.headers.get('stream-closed')).toBe('true')
        expect(answer.headers.get('stream-ending')).toBe(LOST)
      }
    })

    it('gives a producer time whom it could not hear: the server was away, or slept', async () => {
      const { servers, step } = await open(makeStores)
      const [server] = servers
      await create(server)
      step(10_000)
      expect(await server?.endOrphans()).toBe(0)
      step(5)
      expect((await say(server, 'here I am')).status).toBe(204)
      step(30)
      expect(await server?.endOrphans()).toBe(0)
      step(70)
      expect(await server?.endOrphans(), 'a lease that ran out anew is given time anew').toBe(0)
      expect(await ending(server)).toBeNull()
    })
  })
}

describe('at the door', () => {
  const makeStores = KINDS[0]?.makeStores as (typeof KINDS)[number]['makeStores']

  it('refuses leases that are none, and signs of life of a stream without one', async () => {
    const { servers } = await open(makeStores)
    const [server] = servers
    for (const lease of ['0', '-1', '1.5', '86401', 'long', '']) {
      const answer = await create(server, lease)
      expect([lease, answer.status, await codeOf(answer)]).toEqual([lease, 400, 'bad-header'])
    }
    expect((await beat(server)).status).toBe(404)
    await send(server, 'PUT', { 'content-type': 'text/plain' })
    const answer = await beat(server)
    expect([answer.status, await codeOf(answer)]).toEqual([409, 'no-lease'])
    expect((await send(server, 'POST', { 'content-type': 'text/plain' })).status, 'as before: nothing to append').toBe(
      400,
    )
  })

  it('leaves streams alone that have no lease, or have ended', async () => {
    const { servers, step } = await open(makeStores)
    const [server] = servers
    await create(server)
    await send(server, 'POST', { 'stream-closed': 'true' })
    step(1e6)
    await server?.endOrphans()
    step(1e6)
    expect(await server?.endOrphans()).toBe(0)
    expect((await send(server, 'HEAD')).headers.get('stream-ending')).toBeNull()
  })
})
