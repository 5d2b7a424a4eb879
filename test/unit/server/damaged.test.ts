import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { asBinary, open } from 'lmdb'
import { describe, expect, it } from 'vitest'
import { createStreamHandler } from '../../../src/server/handler.ts'
import { EmbeddedStreamStore } from '../../../src/server/stores/embedded.ts'
import { RedisStreamStore } from '../../../src/server/stores/redis.ts'
import { DamagedError } from '../../../src/server/stores/stored-values.ts'
import type { StreamStore } from '../../../src/server/stream-store.ts'
import { fuzzBudget, fuzzTimeout } from '../../support/fuzz-budget.ts'
import { hasRedis, RedisServer } from '../../support/redis-server.ts'

const RUNS = 8
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const sick = { channel: 'build', run: 'sick' }
const well = { channel: 'build', run: 'well' }
const fork = { channel: 'build', run: 'fork' }

const producer = { id: 'p', epoch: 0, seq: 0 }

async function fill(store: StreamStore): Promise<void> {
  for (const name of [sick, well]) {
    await store.create(name, { contentType: 'text/plain', ttlSeconds: 1000, leaseSeconds: 1000 })
    for (const text of ['one', 'two', 'three'])
      await store.append(name, { contentType: 'text/plain', records: [bytes(text)] })
    await store.append(name, { contentType: 'text/plain', records: [bytes('four')], producer })
  }
  await store.create(fork, { contentType: 'text/plain', fork: { from: sick, place: null, sub: 0 } })
}

/** How stored bytes are spoiled. */
type Damage =
  | { kind: 'flip'; at: number; bits: number }
  | { kind: 'cut'; at: number }
  | { kind: 'fill'; with: Uint8Array }
  | { kind: 'drop' }
const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: fc.nat(400), bits: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ kind: fc.constant('cut' as const), at: fc.nat(400) }),
  fc.record({ kind: fc.constant('fill' as const), with: fc.uint8Array({ maxLength: 30 }) }),
  fc.record({ kind: fc.constant('fill' as const), with: fc.json().map((json) => new TextEncoder().encode(json)) }),
  fc.constant<Damage>({ kind: 'drop' }),
)

/** The first stream's number becomes the second's: a name that is whole, and leads to another stream. */
const otherNumber: Damage = { kind: 'flip', at: 0, bits: 3 }

/** A row that is JSON, and has a byte in a word that nothing judges which is no text. */
const noText: Damage = { kind: 'flip', at: 378, bits: 128 }

/** `null`: the value is deleted. */
function spoil(value: Uint8Array, how: Damage): Uint8Array | null {
  const spoiled = Uint8Array.from(value)
  switch (how.kind) {
    case 'flip': {
      const at = how.at % Math.max(1, value.byteLength)
      spoiled[at] = (spoiled[at] ?? 0) ^ how.bits
      return spoiled
    }
    case 'cut':
      return spoiled.slice(0, how.at % Math.max(1, value.byteLength))
    case 'fill':
      return how.with
    case 'drop':
      return null
  }
}

/** Every call works, or says that something is damaged; and the stream beside it is as it was. */
async function useAll(store: StreamStore): Promise<void> {
  const orderly = async (call: Promise<unknown>): Promise<void> => {
    await call.catch((error: unknown) => {
      if (!(error instanceof DamagedError)) throw error
    })
  }
  // At the same time: what is committed together must not fail together.
  const healthy = store.append(well, { contentType: 'text/plain', records: [bytes('five')] })
  for (const name of [sick, fork]) {
    await Promise.all([
      orderly(store.info(name)),
      orderly(store.read(name, 'start', 1e6)),
      orderly(store.read(name, 'start', 1)),
      orderly(store.read(name, { record: 2, byte: 6 }, 1e6)),
      orderly(store.read(name, 'tail', 1e6)),
      orderly(
        store.append(name, { contentType: 'text/plain', records: [bytes('x')], producer: { ...producer, seq: 1 } }),
      ),
      orderly(store.append(name, { contentType: 'text/plain', records: [bytes('x')], streamSeq: '1' })),
      orderly(store.create(name, { contentType: 'text/plain' })),
      orderly(
        store.create(
          { ...name, run: `${name.run}-fork` },
          { contentType: 'text/plain', fork: { from: name, place: { record: 1, byte: 3 }, sub: 1 } },
        ),
      ),
      orderly(store.renewLease(name)),
    ])
  }
  expect((await healthy).kind).toBe('appended')
  // Lists leave out what cannot be read: a server starts with them.
  expect((await store.runs('build')).map((info) => info.name.run)).toContain('well')
  expect((await store.channels())[0]?.channel).toBe('build')
  await store.unfinishedRuns()
  await store.sweep()
  const page = await store.read(well, 'start', 1e6)
  expect(page.kind === 'page' && page.records.map((record) => new TextDecoder().decode(record)).join(' ')).toBe(
    'one two three four five',
  )
  for (const name of [fork, sick]) await orderly(store.remove(name))
}

describe('stored bytes that are damaged', () => {
  it(
    'are an error of their stream, in LMDB',
    async () => {
      const table = fc.constantFrom('rows-1', 'rows-1', 'records-1', 'producers-1', 'names-1')
      await fc.assert(
        fc.asyncProperty(table, fc.nat(100), damage, async (table, which, how) => {
          const folder = await mkdtemp(join(tmpdir(), 'headwater-damaged-'))
          const first = new EmbeddedStreamStore({ folder })
          await fill(first)
          await first.close()
          const root = open({ path: folder, maxDbs: 8, noSubdir: false })
          const db = root.openDB<Uint8Array, (string | number)[] | number>({ name: table, encoding: 'binary' })
          // Of the first stream, whose id is 1, or of its fork, whose id is 3.
          const isSick = (key: unknown): boolean => {
            const parts: unknown[] = Array.isArray(key) ? key : [key]
            return table === 'names-1' ? parts[1] === 'sick' || parts[1] === 'fork' : parts[0] === 1 || parts[0] === 3
          }
          const entries = [...db.getRange()]
            .filter(({ key }) => isSick(key))
            .map(({ key, value }) => ({ key, value: Uint8Array.from(value) }))
          const chosen = entries[which % entries.length]
          if (chosen !== undefined) {
            const spoiled = spoil(chosen.value, how)
            if (spoiled === null) await db.remove(chosen.key)
            else await db.put(chosen.key, asBinary(Buffer.from(spoiled)) as unknown as Uint8Array)
          }
          await root.close()
          const second = new EmbeddedStreamStore({ folder })
          await useAll(second)
          await second.close()
          await rm(folder, { recursive: true, force: true })
        }),
        { ...fuzzBudget(RUNS), examples: [['names-1', 1, otherNumber]] },
      )
    },
    fuzzTimeout(RUNS * 5),
  )

  it('are answered with a code, and told to whoever runs the server', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'headwater-damaged-'))
    const first = new EmbeddedStreamStore({ folder })
    await fill(first)
    await first.close()
    const root = open({ path: folder, maxDbs: 8, noSubdir: false })
    // The second of four records.
    await root.openDB({ name: 'records-1', encoding: 'binary' }).remove([1, 1])
    await root.close()
    const store = new EmbeddedStreamStore({ folder })
    const failures: unknown[] = []
    const handler = createStreamHandler({ store, onError: (error) => failures.push(error) })
    const answer = await handler.fetch(new Request('http://127.0.0.1/v1/stream/build/sick'))
    expect([answer.status, ((await answer.json()) as { error: { code: string } }).error.code]).toEqual([500, 'damaged'])
    expect(failures).toEqual([expect.any(DamagedError)])
    expect(await (await handler.fetch(new Request('http://127.0.0.1/v1/stream/build/well'))).text()).toBe(
      'onetwothreefour',
    )
    await handler.close()
    await store.close()
    await rm(folder, { recursive: true, force: true })
  })

  describe.skipIf(!hasRedis)('on a real Redis', () => {
    it(
      'are an error of their stream',
      async () => {
        const server = await RedisServer.start()
        const redis = new Redis(server.url)
        let runs = 0
        const table = fc.constantFrom('rows', 'rows', 'names', 'producers', 'log')
        await fc.assert(
          fc.asyncProperty(table, damage, fc.integer({ min: 1, max: 4 }), async (table, how, record) => {
            const prefix = `damaged-${++runs}`
            const store = new RedisStreamStore({ url: server.url, prefix })
            await store.ready()
            await fill(store)
            const key = table === 'producers' || table === 'log' ? `{${prefix}}:${table}:1` : `{${prefix}}:${table}`
            if (table === 'log') await redis.xdel(key, `${record}-0`)
            else {
              const field = table === 'rows' ? '1' : table === 'producers' ? 'p' : JSON.stringify(['build', 'sick'])
              const spoiled = spoil((await redis.hgetBuffer(key, field)) ?? new Uint8Array(0), how)
              if (spoiled === null) await redis.hdel(key, field)
              else await redis.hset(key, field, Buffer.from(spoiled))
            }
            // One that knows nothing yet, as after a restart.
            const other = new RedisStreamStore({ url: server.url, prefix })
            await useAll(other)
            await Promise.all([store.close(), other.close()])
          }),
          {
            ...fuzzBudget(RUNS),
            examples: [
              ['names', otherNumber, 1],
              ['rows', noText, 1],
            ],
          },
        )
        redis.disconnect()
        await server.close()
      },
      fuzzTimeout(RUNS * 5),
    )

    it('a message of somebody else on the channel of changes ends nothing', async () => {
      const server = await RedisServer.start()
      const redis = new Redis(server.url)
      const store = new RedisStreamStore({ url: server.url })
      await store.ready()
      await store.create(well, { contentType: 'text/plain' })
      const heard = new Promise<void>((resolve) => store.watch(well, () => resolve()))
      await expect.poll(() => redis.publish('{headwater}:changes', 'no JSON')).toBe(1)
      for (const message of ['null', '{}', '{"from":1,"change":null}'])
        await redis.publish('{headwater}:changes', message)
      await heard
      await store.close()
      redis.disconnect()
      await server.close()
    })
  })
})
