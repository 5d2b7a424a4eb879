import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ChannelEvent, Watcher } from '../../../src/protocol/socket.ts'
import { RedisStreamStore } from '../../../src/server/stores/redis.ts'
import { hasRedis, RedisServer } from '../../support/redis-server.ts'
import type { Received, SocketClient } from './socket-client.ts'
import { SocketTestServer } from './socket-server.ts'

let server: SocketTestServer
let client: SocketClient

beforeEach(async () => {
  server = await SocketTestServer.start()
  client = await server.client()
})
afterEach(async () => {
  await server.close()
})

const eventsOf = (from: SocketClient, sub: number): ChannelEvent[] => from.messages(sub) as ChannelEvent[]

describe('an event', () => {
  it('reaches who waits for it, under any name, and is acknowledged', async () => {
    const other = await server.client()
    expect(await other.do({ type: 'subscribe', sub: 1, events: 'room', offset: '-1' })).toMatchObject({ opened: null })
    for (const event of ['typing', 'constructor', '__proto__', '⌘ any/name']) {
      const { offset, duplicate } = await client.do({ type: 'publish', channel: 'room', event, data: { by: 'me' } })
      expect([typeof offset, duplicate]).toEqual(['string', false])
    }
    await other.until(() => eventsOf(other, 1).length === 4)
    expect(eventsOf(other, 1)).toEqual(
      ['typing', 'constructor', '__proto__', '⌘ any/name'].map((event) => ({
        event,
        data: { by: 'me' },
        at: expect.any(Number) as number,
        place: null,
      })),
    )
  })

  it('is read later by its offset, by socket and by plain HTTP', async () => {
    const first = await client.do({ type: 'publish', channel: 'a/b', event: 'one' })
    await client.do({ type: 'publish', channel: 'a/b', event: 'two', data: [1] })
    const response = await fetch(`${server.url}/v1/stream/a%2Fb?offset=${first.offset}`)
    expect(await response.json()).toMatchObject([{ event: 'two', data: [1] }])
    await client.do({ type: 'subscribe', sub: 1, events: 'a/b', offset: first.offset ?? '' })
    await client.until(() => eventsOf(client, 1).length === 1)
    await client.do({ type: 'subscribe', sub: 2, events: 'a/b', offset: '-1' })
    await client.until(() => eventsOf(client, 2).length === 2)
    // The log is no run of the channel.
    expect((await client.refusal({ type: 'history', channel: 'a/b' })).code).toBe('unknown-channel')
  })

  it('says how far the channel’s stream was', async () => {
    await server.create('/v1/stream/room/1')
    await server.append('/v1/stream/room/1', 'one')
    await client.do({ type: 'subscribe', sub: 1, channel: 'room', offset: '-1' })
    await client.until(() => client.text(1) === 'one')
    await client.do({ type: 'subscribe', sub: 2, events: 'room', offset: '-1' })
    await client.do({ type: 'publish', channel: 'room', event: 'seen' })
    await client.until(() => eventsOf(client, 2).length === 1)
    expect(eventsOf(client, 2)[0]?.place).toEqual({ run: '1', offset: client.lastHeader(1)?.next })
  })

  it('happens once however often its producer sends it', async () => {
    const event = { type: 'publish', channel: 'room', event: 'x', producer: { id: 'me', epoch: 0, seq: 0 } } as const
    expect((await client.do(event)).duplicate).toBe(false)
    const again = await server.client()
    expect((await again.do(event)).duplicate).toBe(true)
    const gap = { ...event, producer: { id: 'me', epoch: 0, seq: 2 } }
    expect(await again.refusal(gap)).toMatchObject({ code: 'seq-gap', status: 409 })
    expect(await (await fetch(`${server.url}/v1/stream/room`)).json()).toHaveLength(1)
  })

  it('keeps its order, whoever publishes at once', async () => {
    const clients = await Promise.all([1, 2, 3].map(() => server.client()))
    await client.do({ type: 'subscribe', sub: 1, events: 'room', offset: '-1' })
    await Promise.all(
      clients.flatMap((each, by) =>
        Array.from({ length: 20 }, (_, n) => each.do({ type: 'publish', channel: 'room', event: 'n', data: [by, n] })),
      ),
    )
    await client.until(() => eventsOf(client, 1).length === 60)
    const heard = eventsOf(client, 1).map(({ data }) => data as [number, number])
    for (const by of clients.keys()) {
      expect(heard.filter(([who]) => who === by).map(([, n]) => n)).toEqual(Array.from({ length: 20 }, (_, n) => n))
    }
    expect(await (await fetch(`${server.url}/v1/stream/room`)).json()).toEqual(eventsOf(client, 1))
  })

  it('is refused where it is too large, has no name, or the name of its log is another stream’s', async () => {
    const code = async (event: string, data?: unknown): Promise<string> =>
      (await client.refusal({ type: 'publish', channel: 'room', event, data })).code
    expect(await code('x', 'x'.repeat(64 * 1024))).toBe('too-large')
    expect(await code('')).toBe('bad-name')
    expect(await code('a\nb')).toBe('bad-name')
    expect(await code('x'.repeat(257))).toBe('bad-name')
    await server.create('/v1/stream/room', 'text/plain')
    expect(await code('x')).toBe('wrong-type')
  })

  it('is found in the next log when the log was deleted', async () => {
    await client.do({ type: 'publish', channel: 'room', event: 'one' })
    await client.do({ type: 'subscribe', sub: 1, events: 'room', offset: '-1' })
    await client.until(() => eventsOf(client, 1).length === 1)
    await server.store.remove({ channel: '', run: 'room' })
    await client.do({ type: 'publish', channel: 'room', event: 'two' })
    await client.until(() => eventsOf(client, 1).length === 2)
  })
})

describe('presence', () => {
  it('lists who watches, tells who comes and goes, by the name that they gave', async () => {
    await server.create('/v1/stream/room/1')
    await client.do({ type: 'subscribe', sub: 1, channel: 'room', offset: '-1', as: 'Ada' })
    const looker = await server.client()
    const { watchers } = await looker.do({ type: 'subscribe', sub: 1, presence: 'room' })
    expect(watchers).toEqual([{ watcher: client.welcome.watcher, as: 'Ada', since: expect.any(Number) as number }])

    const names = new Map((watchers ?? []).map((each) => [each.watcher, each.as]))
    const apply = (): Map<string, string | null> => {
      for (const each of looker.of(1).splice(0)) {
        if (each.type !== 'presence') continue
        for (const { watcher, as } of each.joined) names.set(watcher, as)
        for (const { watcher } of each.left) names.delete(watcher)
      }
      return names
    }
    const other = await server.client()
    await other.do({ type: 'subscribe', sub: 1, stream: '/v1/stream/room/1', offset: '-1' })
    await looker.until(() => apply().size === 2)
    // One socket is one watcher, under the last name that it gave, until its last subscription is over.
    await other.do({ type: 'subscribe', sub: 2, events: 'room', offset: '-1', as: 'Bob' })
    await looker.until(() => apply().get(other.welcome.watcher) === 'Bob')
    await other.do({ type: 'unsubscribe', sub: 1 })
    expect((await looker.do({ type: 'subscribe', sub: 2, presence: 'room' })).watchers).toHaveLength(2)
    other.socket.terminate()
    await looker.until(() => apply().size === 1)
    await client.close()
    await looker.until(() => apply().size === 0)
  })

  it('names the first two hundred of a crowd and counts the others, in every answer and frame', async () => {
    const crowd = await Promise.all(Array.from({ length: 203 }, () => server.client()))
    for (const each of crowd) await each.do({ type: 'subscribe', sub: 1, channel: 'room', offset: '-1' })
    const answer = await client.do({ type: 'subscribe', sub: 1, presence: 'room' })
    const names = crowd.map(({ welcome }) => welcome.watcher)
    expect(answer.watchers?.map(({ watcher }) => watcher)).toEqual(names.slice(0, 200))
    expect(answer.count).toBe(203)
    const told = (): Received | undefined => client.of(1).at(-1)
    await crowd[202]?.close()
    await client.until(() => told() !== undefined)
    expect(told()).toEqual({ type: 'presence', sub: 1, joined: [], left: [], count: 202 })
    await crowd[0]?.close()
    await client.until(() => client.of(1).length === 2)
    expect(told()).toMatchObject({ joined: [{ watcher: names[200] }], left: [{ watcher: names[0] }], count: 201 })
  })

  it('tells a crowd that comes at once in few frames', async () => {
    await client.do({ type: 'subscribe', sub: 1, presence: 'room' })
    const crowd = await Promise.all(Array.from({ length: 40 }, () => server.client()))
    await Promise.all(crowd.map((each) => each.do({ type: 'subscribe', sub: 1, channel: 'room', offset: '-1' })))
    const joined = (): Watcher[] => client.of(1).flatMap((each) => (each.type === 'presence' ? each.joined : []))
    await client.until(() => joined().length === 40)
    expect(new Set(joined().map(({ watcher }) => watcher)).size).toBe(40)
    expect(client.of(1).length).toBeLessThan(20)
  })
})

describe.runIf(hasRedis)('servers on one Redis', () => {
  it('carry streams, runs, events and cancels to each other’s sockets, from the same offsets', async () => {
    const redis = await RedisServer.start()
    const stores = [new RedisStreamStore({ url: redis.url }), new RedisStreamStore({ url: redis.url })] as const
    const a = await SocketTestServer.start({ store: stores[0] })
    const b = await SocketTestServer.start({ store: stores[1] })
    try {
      const onB = await b.client()
      await onB.do({ type: 'subscribe', sub: 1, channel: 'room', offset: '-1' })
      await onB.do({ type: 'subscribe', sub: 2, events: 'room', offset: '-1' })
      await a.create('/v1/stream/room/1')
      await a.append('/v1/stream/room/1', 'one')
      await onB.until(() => onB.text(1) === 'one')
      const onA = await a.client()
      await onA.do({ type: 'publish', channel: 'room', event: 'hello' })
      await onB.until(() => eventsOf(onB, 2).length === 1)
      expect(eventsOf(onB, 2)[0]?.place).toEqual({ run: '1', offset: onB.lastHeader(1)?.next })
      await a.append('/v1/stream/room/1', 'two')
      await onB.until(() => onB.text(1) === 'onetwo')
      await onA.do({ type: 'cancel', channel: 'room' })
      await onB.until(() => onB.hasEnded(1))
      const first = onB.of(1).find((each) => each.type === 'data' && each.payload.length > 0)
      const offset = first?.type === 'data' ? first.header.next : ''
      await onA.do({ type: 'subscribe', sub: 1, stream: '/v1/stream/room/1', offset })
      await onA.until(() => onA.text(1) === 'two')
    } finally {
      await a.close()
      await b.close()
      await Promise.all(stores.map((store) => store.close()))
      await redis.close()
    }
  })
})
