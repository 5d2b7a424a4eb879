import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createStreamHandler } from '../../../src/server/handler.ts'
import { RedisKeys } from '../../../src/server/stores/redis-keys.ts'
import { RedisStreamStore } from '../../../src/server/stores/redis.ts'
import type { StreamChange, StreamName } from '../../../src/server/stream-store.ts'
import { DeadlyNetwork } from '../../support/deadly-network.ts'
import { hasRedis, RedisServer } from '../../support/redis-server.ts'
import { runStoreContract } from './store-contract.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (records: readonly Uint8Array[]): string => records.map((data) => new TextDecoder().decode(data)).join('')

describe.skipIf(!hasRedis)('on a real Redis', () => {
  let redis: RedisServer
  let stores: RedisStreamStore[] = []
  let prefixes = 0
  beforeAll(async () => {
    redis = await RedisServer.start()
  })
  afterEach(async () => {
    vi.useRealTimers()
    await redis.up()
  })
  afterAll(() => redis.close())

  async function process(prefix: string, now?: () => number): Promise<RedisStreamStore> {
    const store = new RedisStreamStore({ url: redis.url, prefix, ...(now && { now }) })
    await store.ready()
    stores.push(store)
    return store
  }
  async function closeAll(): Promise<void> {
    await Promise.all(stores.map((store) => store.close()))
    stores = []
  }

  runStoreContract('RedisStreamStore', async () => {
    let time = 1_000_000
    const store = await process(`contract-${++prefixes}`, () => time)
    return { store, advance: (ms) => void (time += ms), dispose: closeAll }
  })

  const name = { channel: 'build', run: '1' }
  const say = (data: string, more = {}) => ({ contentType: 'text/plain', records: [bytes(data)], ...more })

  it('shows what one process writes in another, and tells it', async () => {
    const [a, b] = [await process('two'), await process('two')]
    const heard: StreamChange['kind'][] = []
    const ended = new Promise<void>((resolve) => {
      b.watch(name, (change) => {
        // Its own first subscription may come later than this one.
        if (change !== null) heard.push(change.kind)
        if (change?.kind === 'ended') resolve()
      })
    })
    await a.create(name, { contentType: 'text/plain' })
    await a.append(name, say('one '))
    await b.append(name, say('two '))
    await a.append(name, say('three', { ending: { kind: 'done' } }))
    await ended
    expect(heard.filter((kind) => kind !== 'created')).toEqual(['grown', 'grown', 'ended'])
    const page = await b.read(name, 'start', 1e6)
    expect(page.kind === 'page' && [text(page.records), page.info.ending]).toEqual(['one two three', { kind: 'done' }])
    expect((await b.append(name, say('late'))).kind).toBe('closed')
    await closeAll()
  })

  it('applies the appends of four processes at once one after the other, each once', async () => {
    const all = await Promise.all([1, 2, 3, 4].map(() => process('four')))
    await all[0]?.create(name, { contentType: 'text/plain' })
    const results = await Promise.all(
      all.flatMap((store, who) =>
        Array.from({ length: 25 }, (_, i) =>
          store.append(name, say(`${who}.${i};`, { producer: { id: `p${who}`, epoch: 0, seq: i } })),
        ),
      ),
    )
    expect(results.every(({ kind }) => kind === 'appended')).toBe(true)
    const page = await all[3]?.read(name, 'start', 1e6)
    const said = page?.kind === 'page' ? text(page.records).split(';').filter(Boolean) : []
    expect(said).toHaveLength(100)
    for (const who of [0, 1, 2, 3]) {
      const own = said.filter((word) => word.startsWith(`${who}.`))
      expect(own).toEqual(Array.from({ length: 25 }, (_, i) => `${who}.${i}`))
    }
    await closeAll()
  })

  it('waits while Redis is away, and loses and doubles nothing that it acknowledged', async () => {
    const store = await process('away')
    const other = await process('away')
    await store.create(name, { contentType: 'text/plain' })
    const acknowledged: number[] = []
    const writing = (async () => {
      for (let i = 0; i < 300; i++) {
        await store.append(name, say(`${i};`))
        acknowledged.push(i)
      }
    })()
    for (const at of [50, 150, 250]) {
      while (acknowledged.length < at) await new Promise((resolve) => setImmediate(resolve))
      await redis.kill()
      await redis.up()
    }
    await writing
    const page = await other.read(name, 'start', 1e6)
    const said = page.kind === 'page' ? text(page.records) : page.kind
    expect(said).toBe(Array.from({ length: 300 }, (_, i) => `${i};`).join(''))
    await closeAll()
  }, 20_000)

  it('waits while its Redis is no primary any more, as in a fail-over', async () => {
    const store = await process('demoted')
    await store.create(name, { contentType: 'text/plain' })
    const admin = new Redis(redis.url)
    await admin.replicaof('127.0.0.1', 1)
    const writing = Promise.all([store.append(name, say('a')), store.append(name, say('b'))])
    const refused = async (): Promise<number> =>
      Number(/errorstat_READONLY:count=(\d+)/.exec(await admin.info('errorstats'))?.[1] ?? 0)
    while ((await refused()) < 3) await Promise.race([writing, new Promise((resolve) => setImmediate(resolve))])
    await admin.replicaof('NO', 'ONE')
    expect((await writing).map(({ kind }) => kind)).toEqual(['appended', 'appended'])
    const page = await store.read(name, 'start', 1e6)
    expect(page.kind === 'page' && text(page.records)).toBe('ab')
    admin.disconnect()
    await closeAll()
  })

  it('notices connections that died without a word, and goes on over new ones', async () => {
    const network = await DeadlyNetwork.start(redis.url)
    // Timers alone: the connections are real.
    vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval'] })
    const [here, there] = [new RedisStreamStore({ url: network.url, prefix: 'dead' }), await process('dead')]
    const pass = async (): Promise<void> => {
      await vi.advanceTimersByTimeAsync(1_000)
      // Time for what is alive to be heard.
      for (let trip = 0; trip < 10; trip++) await there.count()
    }
    await here.create(name, { contentType: 'text/plain' })
    let heard = 0
    here.watch(name, () => void (heard += 1))
    await there.append(name, say('a'))
    while (heard === 0) await pass()
    network.die()
    let isWritten = false
    const writing = here.append(name, say('b')).then(() => (isWritten = true))
    await there.append(name, say('c'))
    const before = heard
    for (let second = 0; second < 30 && (!isWritten || heard === before); second++) {
      await pass()
    }
    expect([isWritten, heard > before]).toEqual([true, true])
    await writing
    vi.useRealTimers()
    await here.close()
    network.close()
    await closeAll()
  })

  it('closes although Redis is away, and rejects what waits for it', async () => {
    const store = await process('closing')
    await store.create(name, { contentType: 'text/plain' })
    const handler = createStreamHandler({ store, sockets: {} })
    const sink = await handler.channel('jobs').start({ id: '1' })
    await redis.kill()
    const failed = Promise.allSettled([
      ...[sink.write('b'), store.append(name, say('c'))],
      ...[store.read(name, 'start', 1), store.hasLease('w')],
    ])
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    const closed = handler.close().then(() => store.close())
    let isClosed = false
    void closed.then(() => (isClosed = true))
    for (let second = 0; second < 10 && !isClosed; second++) await vi.advanceTimersByTimeAsync(1_000)
    vi.useRealTimers()
    await closed
    expect((await failed).map(({ status }) => status)).toEqual(Array(4).fill('rejected'))
    await closeAll()
  })

  it('lists more streams than a process remembers, and sweeps those that expired', async () => {
    const store = await process('many')
    await store.create(name, { contentType: 'text/plain' })
    const [count, expired] = [10_500, 20]
    await multiply(new RedisKeys('many'), name, count, (id) => (id <= expired ? { expiresAt: 1 } : {}))
    expect(await store.runs('build')).toHaveLength(count - expired)
    expect(await store.sweep()).toBe(expired)
    expect(await store.count()).toBe(count - expired)
    expect((await store.append({ ...name, run: '999' }, say('on'))).kind).toBe('appended')
    await closeAll()
  }, 20_000)

  /** Copies the only row so often that there are `count`, past the store, which would take its time. */
  async function multiply(
    keys: RedisKeys,
    { channel, run }: StreamName,
    count: number,
    more: (id: number) => object,
  ): Promise<void> {
    const client = new Redis(redis.url)
    const id = await client.hget(keys.names, keys.field({ channel, run }))
    const row = JSON.parse((await client.hget(keys.rows, id ?? '')) ?? '') as object
    const ids = Array.from({ length: count }, (_, i) => i + 1)
    const copies = ids.map((id) => ({ ...row, channel, run: String(id), id, ...more(id) }))
    await client.hset(keys.rows, Object.fromEntries(copies.map((copy) => [copy.id, JSON.stringify(copy)])))
    await client.hset(keys.names, Object.fromEntries(copies.map((copy) => [keys.field(copy), copy.id])))
    await client.sadd(keys.runs(channel), ids)
    await client.set(keys.lastId, count)
    client.disconnect()
  }

  it('ends feeds when changes may have been missed, and the next one says how it is now', async () => {
    const [here, elsewhere] = [await process('deaf'), await process('deaf')]
    for (const channel of ['goes', 'stays']) await here.create({ channel, run: '1' }, { contentType: 'text/plain' })
    const handler = createStreamHandler({ store: here })
    const open = (): Promise<Response> => handler.fetch(new Request('http://127.0.0.1/v1/channels?live=sse'))
    const reader = (await open()).body?.pipeThrough(new TextDecoderStream()).getReader()
    expect((await reader?.read())?.value).toContain('"goes"')
    const admin = new Redis(redis.url)
    await Promise.all([
      admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub'),
      elsewhere.remove({ channel: 'goes', run: '1' }),
      elsewhere.create({ channel: 'comes', run: '1' }, { contentType: 'text/plain' }),
    ])
    admin.disconnect()
    let told = ''
    for (let next = await reader?.read(); next?.done === false; next = await reader?.read()) told += next.value
    expect(told).toContain('event: done')
    const again = (await open()).body?.pipeThrough(new TextDecoderStream()).getReader()
    const snapshot = (await again?.read())?.value
    expect(snapshot).toContain('"comes"')
    expect(snapshot).not.toContain('"goes"')
    await handler.close()
    await closeAll()
  })

  it('says at the start that Redis cannot be reached', async () => {
    const store = new RedisStreamStore({ url: 'redis://127.0.0.1:1' })
    await expect(store.ready(300)).rejects.toThrow(/Redis cannot be reached: .*ECONNREFUSED/)
    await store.close()
  })
})
