import 'fake-indexeddb/auto'
import { deleteDB } from 'idb'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
// What a page loads at the first reading: here it is to take no turns of the event loop.
import '../../../src/client/content.ts'
import type { HubChannel } from '../../../src/client/hub-channel.ts'
import '../../../src/client/log-reader.ts'
import { StreamWatch } from '../../../src/client/stream-watch.ts'
import type { Gap } from '../../../src/protocol/chunk.ts'
import { openIdbLogStore } from '../../../src/store/idb-store.ts'
import { UnreliableStore } from './unreliable-store.ts'
import { source, until, World } from './world.ts'

let store: UnreliableStore
let world: World

beforeEach(() => {
  store = new UnreliableStore()
  world = new World(store)
  Object.assign(globalThis, { document: { baseURI: 'http://upstream.test/' } })
})

afterEach(async () => {
  store.failing.clear()
  store.full = false
  world.upstream.end()
  await world.close()
})

const ALL_CALLS = ['row', 'rows', 'newest', 'commit', 'openChannel', 'readLog'] as const

async function settle(turns = 30): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}

/** Lets time pass until the condition holds. */
async function timeUntil(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let step = 0; step < 120; step++) {
    if (await condition()) return
    world.clock.advance(1_000)
    await settle(5)
  }
  expect(await condition(), what).toBe(true)
}

type Tab = ReturnType<World['openTab']> & { build: HubChannel }

/** A tab that reads a stream's text, and knows whether it is stored. */
async function openReading(): Promise<Tab> {
  const tab = world.openTab()
  const build = tab.channel('build')
  void build.text
  await build.open({ url: '/log' })
  return { ...tab, build }
}

/** Everything that a reader from the start gets: chunks as text, gaps as they are. */
function recordReading(channel: HubChannel): { got: (string | Gap)[]; ended: Promise<void> } {
  const got: (string | Gap)[] = []
  const ended = (async () => {
    for await (const { data } of channel.read({ onGap: (gap) => void got.push(gap) })) got.push(String(data))
  })()
  return { got, ended }
}

describe('a full disk in mid-stream', () => {
  it('live delivery goes on in memory, durable: false is told to whoever watches, and everything is stored once there is room', async () => {
    const tab = await openReading()
    const told: (boolean | undefined)[] = []
    new StreamWatch(tab.connection).add(() => void told.push(tab.connection.info?.durable))
    world.upstream.release('a')
    await until(() => tab.build.text === 'a')
    expect(tab.connection.info?.durable).toBe(true)
    store.full = true
    world.upstream.release('b', 'c')
    await until(() => tab.build.text === 'abc', 'what cannot be stored')
    await until(() => told.at(-1) === false, 'the news that nothing is stored')
    expect(await tab.connection.call((hub) => hub.storage())).toMatchObject({ durable: false })
    const id = tab.build.streamId as string
    expect((await store.row(id))?.seq).toBe(1)

    const late = await openReading()
    await until(() => late.build.text === 'abc', 'a tab that comes late')
    expect(late.connection.info?.durable).toBe(false)
    const { got } = recordReading(late.build)
    await until(() => got.length === 3)

    store.full = false
    world.upstream.release('d')
    await timeUntil(() => tab.connection.info?.durable === true, 'the write-back')
    await until(() => told.at(-1) === true)
    world.upstream.end()
    await until(() => tab.build.done && late.build.done)
    expect([tab.build.text, late.build.text]).toEqual(['abcd', 'abcd'])
    expect(got).toEqual(['a', 'b', 'c', 'd'])
    const stored = await store.readLog(id, 1)
    expect(stored?.row).toMatchObject({ seq: 4, status: 'done', gaps: [] })
    expect(world.upstream.requests).toHaveLength(1)
  })

  it('verbs work, and a new run can be started', async () => {
    const { build } = await openReading()
    world.upstream.release('a')
    await until(() => build.text === 'a')
    store.full = true
    world.upstream.release('b')
    await until(() => build.text === 'ab')
    await build.stop()
    await until(() => build.status === 'stopped')
    await build.resume()
    world.upstream.release('c')
    await until(() => build.text === 'abc', 'the resumed stream')
    const second = await build.send({ url: '/log' })
    world.upstream.end()
    await until(() => build.streamId === second && build.text === 'abc' && build.done, 'the second run')
    expect(await store.row(second)).toBeUndefined()
    store.full = false
    await timeUntil(async () => (await store.row(second))?.status === 'done', 'the second run to be stored')
    expect((await store.rows()).map(({ ending }) => ending?.kind)).toEqual(['cancelled', 'done'])
  })

  it('frees finished streams of channels with limits first, the oldest, and then stores on; a chat is never touched', async () => {
    const tab = world.openTab()
    world.upstream.release('x'.repeat(9_000_000))
    world.upstream.end()
    const start = (streamId: string, channel: string, retention: 'keep' | { count: number }) =>
      tab.connection.call((hub) =>
        hub.start({
          streamId,
          channel,
          retention,
          source: source({ url: `http://upstream.test/${streamId}` }),
          mode: 'join',
        }),
      )
    for (const id of ['chat1', 'chat2']) await start(id, 'chat', 'keep')
    for (const id of ['log1', 'log2', 'log3', 'log4']) {
      await start(id, 'log', { count: 9 })
      await until(async () => (await store.row(id))?.ending !== null, id)
      world.clock.advance(10)
    }
    await until(async () => (await store.rows()).every(({ ending }) => ending !== null))
    // Room comes with what is deleted.
    const { remove } = store
    store.remove = async (ids) => {
      await remove(ids)
      store.full = false
    }
    store.full = true
    await start('chat3', 'chat', 'keep')
    const left = (await store.rows()).map(({ streamId }) => streamId)
    expect(left.toSorted()).toEqual(['chat1', 'chat2', 'chat3', 'log3', 'log4'])
    expect(tab.connection.info?.durable).toBe(true)
  })

  it('a hub that dies takes with it what was in memory: views are cut back and go on from what is stored', async () => {
    const tab = await openReading()
    world.upstream.release('a', 'b')
    await until(() => tab.build.text === 'ab')
    store.full = true
    world.upstream.release('c', 'd')
    await until(() => tab.build.text === 'abcd' && tab.connection.info?.durable === false)
    const seen: string[] = []
    tab.build.subscribe(() => seen.push(tab.build.text))
    // Upstream tells the rest in other chunks than before: what was shown of them is no place to go on from.
    world.upstream.units.splice(2, 2, 'cd')
    store.full = false
    world.killHub()
    world.upstream.release('e', 'f')
    world.upstream.end()
    await until(() => tab.build.done, 'the end')
    expect(tab.build.text).toBe('abcdef')
    expect(tab.build.seq).toBe(5)
    expect(seen.every((text) => 'abcdef'.startsWith(text))).toBe(true)
    expect(tab.connection.info?.durable).toBe(true)
  })

  it('a hub that dies takes with it what a page wrote into its memory: the page is told, and the log has no hole', async () => {
    const tab = world.openTab()
    const notes = tab.channel('notes')
    void notes.text
    const sink = notes.start()
    await sink.write('a')
    store.full = true
    await sink.write('b')
    await until(() => notes.text === 'ab' && tab.connection.info?.durable === false)
    store.full = false
    world.killHub()
    await expect(sink.write('c')).rejects.toMatchObject({ code: 'gap' })
    expect(sink.signal.aborted).toBe(true)
    await until(() => notes.ending?.kind === 'error', 'the ending')
    expect(notes).toMatchObject({ text: 'a', ending: { code: 'producer-lost' } })
  })

  it('rule 8: a request that is only in memory known to be sent is not sent again by the next hub', async () => {
    const tab = world.openTab()
    const chat = tab.channel('chat')
    // It fits that there is a stream, but not that its request was sent.
    let opened: () => void = () => undefined
    const headers = new Promise<[string, string][]>((resolve) => (opened = () => resolve([['authorization', 'x']])))
    const asking = world.openTab(() => headers)
    await asking.connection.connected()
    const post = source({ method: 'POST', body: 'hi', idempotent: false, credentials: true })
    await tab.connection.call((hub) => hub.start({ streamId: 'once', channel: 'chat', source: post, mode: 'replace' }))
    expect((await store.row('once'))?.sent).toBe(false)
    store.full = true
    opened()
    await until(() => world.upstream.requests.length === 1)
    await until(() => chat.status === 'streaming' && tab.connection.info?.durable === false)
    store.full = false
    world.killHub()
    await until(() => chat.status === 'idle', 'the next hub')
    await settle(100)
    expect(world.upstream.requests).toHaveLength(1)
  })

  it('rule 8: a start that a hub without storage had not answered when it died is not repeated, where its request may be sent', async () => {
    const tab = world.openTab()
    const chat = tab.channel('chat')
    await tab.connection.connected()
    await until(() => chat.status === 'idle')
    store.failing.add('openChannel')
    // The answer waits for it, the request does not.
    const answer = store.hold('newest')
    const post = chat.send({ url: '/ask', method: 'POST', body: 'hi' })
    const get = tab.channel('log').open({ url: '/log' })
    await until(() => world.upstream.requests.length === 2)
    store.failing.clear()
    world.killHub()
    answer()
    await expect(post).rejects.toMatchObject({ code: 'hub-lost' })
    await get
    await until(() => world.upstream.requests.length === 3, 'what may be repeated')
    await settle(100)
    expect(world.upstream.requests.map(({ source: { method } }) => method)).toEqual(['POST', 'GET', 'GET'])
  })

  it('rule 8: nor is a retry that such a hub had not answered', async () => {
    world.upstream.resumable = false
    const chat = world.openTab().channel('chat')
    await chat.send({ url: '/ask', method: 'POST', body: 'hi' })
    await until(() => chat.status === 'streaming')
    world.upstream.cut()
    await until(() => chat.canRetry, 'the loss')
    store.failing.add('openChannel')
    const answer = store.hold('newest')
    const retry = chat.retry()
    await until(() => world.upstream.requests.length === 2, 'the second request')
    store.failing.clear()
    world.killHub()
    answer()
    await expect(retry).rejects.toMatchObject({ code: 'hub-lost' })
    await settle(100)
    expect(world.upstream.requests).toHaveLength(2)
  })

  it('memory gives way to what another owner stored meanwhile, and its views start over', async () => {
    const tab = await openReading()
    const old = world.hub
    world.upstream.release('a')
    await until(() => tab.build.text === 'a')
    store.full = true
    world.upstream.release('b', 'c')
    await until(() => tab.build.text === 'abc')
    const record = recordReading(tab.build)
    await until(() => record.got.length === 3)
    store.full = false
    world.upstream.units.splice(1, 2, 'bc')
    await world.startHub()
    world.makeZombie(old)
    const next = await openReading()
    world.upstream.release('d')
    await until(() => next.build.text === 'abcd', 'the new owner')
    await timeUntil(() => old.store.durable, 'the old one to see that it is none')
    await timeUntil(() => tab.build.text === 'abcd', 'the view of the old one')
    expect(tab.build.seq).toBe(3)
    expect((await store.row(tab.build.streamId as string))?.gaps).toEqual([])
  })

  it('memory of a hub that hung and was robbed gives way, and its views start over without leaving it', async () => {
    const tab = await openReading()
    const old = world.hub
    const boots = new Set<string | undefined>()
    tab.build.subscribe(() => void boots.add(tab.connection.info?.bootId))
    world.upstream.release('a')
    await until(() => tab.build.text === 'a')
    store.full = true
    world.upstream.release('b', 'c')
    await until(() => tab.build.text === 'abc')
    world.spin(old)
    store.full = false
    world.upstream.units.splice(1, 2, 'bc')
    const other = await world.startHub()
    const next = await openReading()
    other.suspectOthers()
    world.upstream.release('d')
    await timeUntil(() => next.build.text === 'abcd', 'the next hub to go on')
    expect(tab.build.text).toBe('abc')
    world.wake(old)
    await timeUntil(() => tab.build.text === 'abcd', 'the view of the hub that hung')
    expect(tab.build.seq).toBe(3)
    world.upstream.release('e')
    world.upstream.end()
    await until(() => tab.build.done && next.build.done, 'the end')
    expect([tab.build.text, next.build.text]).toEqual(['abcde', 'abcde'])
    expect([...boots]).toEqual([old.bootId])
    expect((await store.row(tab.build.streamId as string))?.gaps).toEqual([])
  })

  it('a stop from another hub reaches the owner that is in memory', async () => {
    const tab = await openReading()
    world.upstream.release('a')
    await until(() => tab.build.text === 'a')
    store.full = true
    world.upstream.release('b')
    await until(() => tab.build.text === 'ab')
    await world.startHub()
    const other = await openReading()
    await expect(other.build.stop()).rejects.toMatchObject({ code: 'store' })
    expect(tab.build.status).toBe('streaming')
    // The owner's own attempts fail on; a row's change alone fits.
    store.full = false
    const let1 = store.hold('commit', 'before')
    const stopping = other.build.stop()
    let1()
    world.clock.advance(3_000)
    await stopping
    await timeUntil(() => tab.build.status === 'stopped', 'the stop')
    expect(tab.build.text).toBe('ab')
  })

  it('memory is bounded: the oldest chunks become a gap, and the stream goes on', async () => {
    const tab = await openReading()
    world.upstream.release('a')
    await until(() => tab.build.text === 'a')
    store.full = true
    const large = 'x'.repeat(1_500_000)
    world.upstream.release(...Array.from({ length: 50 }, () => large), 'z')
    await until(() => tab.build.seq === 52, 'the stream')
    const { got } = recordReading(world.openTab().channel('build'))
    await until(() => got.at(-1) === 'z')
    const [first, gap, ...rest] = got
    expect(first).toBe('a')
    // 64 Mi units hold 44 of these.
    expect(gap).toEqual({ fromSeq: 2, toSeq: 52 - rest.length, reason: 'retention' })
    expect(rest).toHaveLength(45)
    store.full = false
    await timeUntil(() => tab.connection.info?.durable === true, 'the write-back')
    const row = await store.row(tab.build.streamId as string)
    expect(row).toMatchObject({ seq: 52, gaps: [gap] })
  })
})

describe('a broken medium', () => {
  it('the stream goes on; a late reader gets a gap for what cannot be read, and all of it once it can', async () => {
    const tab = await openReading()
    // More than what the hub keeps in memory anyway.
    const large = Array.from({ length: 6 }, () => 'x'.repeat(1_500_000))
    world.upstream.release('a', ...large, 'b')
    await until(() => tab.build.seq === 8)
    for (const call of ALL_CALLS) store.failing.add(call)
    world.upstream.release('c')
    await until(() => tab.build.text.endsWith('bc'), 'the live view')
    expect(tab.connection.info?.durable).toBe(false)
    const late = world.openTab().channel('build')
    const { got } = recordReading(late)
    await timeUntil(() => got.at(-1) === 'c', 'the late reader')
    const [gap, ...more] = got.filter((item) => typeof item !== 'string')
    expect(gap?.reason).toBe('damaged')
    expect(more).toEqual([])
    const { fromSeq = 0, toSeq = 0 } = gap ?? {}
    expect(got.length - 1 + toSeq - fromSeq + 1).toBe(9)
    store.failing.clear()
    await timeUntil(() => tab.connection.info?.durable === true, 'the write-back')
    world.upstream.end()
    const whole = recordReading(world.openTab().channel('build'))
    await whole.ended
    expect(whole.got.map(String).join('')).toBe(`a${large.join('')}bc`)
  })

  it('a stream can be started, ends, and is stored when the medium is back', async () => {
    await world.startHub()
    for (const call of ALL_CALLS) store.failing.add(call)
    const tab = world.openTab()
    const build = tab.channel('build')
    void build.text
    // The first attempt finds out that the medium is broken; the view then follows what is in memory.
    await tab.connection.call((hub) => hub.start({ streamId: 's', channel: 'build', source: source(), mode: 'join' }))
    const late = world.openTab().channel('build')
    void late.text
    world.upstream.release('a')
    world.upstream.end()
    await timeUntil(() => late.done && late.text === 'a', 'the stream')
    store.failing.clear()
    await timeUntil(async () => (await store.row('s'))?.status === 'done', 'the write-back')
  })

  it('a value that no medium can hold is refused, and is no reason to give the medium up', async () => {
    const db = `clone-${Math.random()}`
    const other = new World(await openIdbLogStore(db))
    const { connection } = other.openTab()
    const meta = { f: 1 }
    const hub = await other.startHub()
    await expect(
      hub.start({ streamId: 's', channel: 'c', source: source(), meta: { bad: () => meta }, mode: 'join' }),
    ).rejects.toMatchObject({ code: 'store' })
    expect(hub.store.durable).toBe(true)
    connection.close()
    await other.close()
  })
})

describe('a database that is deleted under its hubs', () => {
  let name: string

  beforeEach(async () => {
    name = `deleted-${Math.random()}`
    world = new World(await openIdbLogStore(name))
  })

  it('live streams go on, and what is still in memory is stored again', async () => {
    const tab = await openReading()
    world.upstream.release('a', 'b')
    await until(() => tab.build.text === 'ab')
    await deleteDB(name)
    world.upstream.release('c')
    await until(() => tab.build.text === 'abc', 'the stream')
    await timeUntil(() => world.hub.store.durable, 'the write-back')
    world.upstream.end()
    await until(() => tab.build.done)
    const { got, ended } = recordReading(world.openTab().channel('build'))
    await ended
    expect(got).toEqual(['a', 'b', 'c'])
    expect(world.upstream.requests).toHaveLength(1)
  })

  it('what is gone is an explicit gap to late readers, also of a silent stream', async () => {
    const tab = await openReading()
    const large = 'x'.repeat(1_500_000)
    world.upstream.release('a', large, large, 'b')
    await until(() => tab.build.seq === 4)
    await deleteDB(name)
    await timeUntil(async () => (await world.store.rows()).length === 1, 'the row to be there again')
    const { got } = recordReading(world.openTab().channel('build'))
    await until(() => got.at(-1) === 'b')
    expect(got[0]).toMatchObject({ fromSeq: 1, reason: 'damaged' })
    expect((got[0] as Gap).toSeq).toBeGreaterThanOrEqual(1)
    expect(tab.build.text).toBe(`a${large}${large}b`)
    world.killHub()
    world.upstream.release('c')
    await until(() => got.at(-1) === 'c' && tab.build.text.endsWith('bc'), 'the next hub')
  })

  it('a stream that was forgotten is not taken for one that was lost, and does not come back', async () => {
    const tab = await openReading()
    world.upstream.release('a')
    await until(() => tab.build.text === 'a')
    await world.startHub()
    const other = world.openTab()
    await other.connection.call((hub) => hub.forget({ channel: 'build' }))
    world.upstream.release('b')
    await until(() => tab.build.streamId === null, 'the view to hear of it')
    await settle(60)
    world.clock.advance(10_000)
    await settle(60)
    expect(await world.store.rows()).toEqual([])
  })

  it('forgotten by another hub after the database was lost: memory follows', async () => {
    const tab = await openReading()
    const owner = world.hub
    world.upstream.release('a')
    await until(() => tab.build.text === 'a')
    await world.startHub()
    const other = world.openTab()
    await other.connection.connected()
    // Not noticed yet by whom it concerns.
    owner.store.close = () => undefined
    await deleteDB(name)
    await other.connection.call((hub) => hub.clear())
    world.upstream.release('b')
    await timeUntil(() => tab.build.streamId === null, 'the view to hear of it')
    world.clock.advance(10_000)
    await settle(60)
    expect(await world.store.rows()).toEqual([])
  })
})

describe('forget and clear', () => {
  const secret = { url: '/log', headers: { authorization: 'Bearer 1' } }

  it.each([
    ['forget', 'before'],
    ['forget', 'after'],
    ['clear', 'before'],
    ['clear', 'after'],
  ] as const)('fault 20: a deleted stream does not come back: %s, with a writer %s its commit', async (verb, when) => {
    const tab = await openReading()
    world.upstream.release('a')
    await until(() => tab.build.text === 'a')
    const streamId = tab.build.streamId as string
    const go = store.hold('commit', when)
    world.upstream.release('b')
    await until(() => store.calls.at(-1) === 'commit')
    await settle()
    const { connection } = world.openTab()
    await connection.call((hub) => (verb === 'clear' ? hub.clear() : hub.forget({ streamId })))
    const shown: (string | null)[] = []
    await until(() => tab.build.streamId === null)
    tab.build.subscribe(() => shown.push(tab.build.streamId))
    // What the writer hears of its commit only now is no news.
    connection.watcher = { connected: () => undefined, changed: (id, info) => void (info && shown.push(id)) }
    await connection.call((hub) => hub.watch(true))
    go()
    world.upstream.release('c')
    await settle(100)
    world.clock.advance(10_000)
    await settle(100)
    expect(shown.every((id) => id === null)).toBe(true)
    expect(await store.rows()).toEqual([])
    expect(await connection.call((hub) => hub.streams())).toEqual([])
    expect(world.upstream.sockets.size).toBe(0)
  })

  it.each(['forget', 'clear'] as const)('%s takes what is in memory, too, here and in other hubs', async (verb) => {
    store.full = true
    const tab = await openReading()
    world.upstream.release('a')
    await until(() => tab.build.text === 'a')
    expect(await store.rows()).toEqual([])
    await world.startHub()
    const { connection } = world.openTab()
    await connection.call((hub) => (verb === 'clear' ? hub.clear() : hub.forget({ channel: 'build' })))
    await until(() => tab.build.streamId === null, 'the other hub')
    store.full = false
    world.clock.advance(10_000)
    await settle(100)
    expect(await store.rows()).toEqual([])
    expect(world.upstream.sockets.size).toBe(0)
  })

  it.each([
    ['a stream', (streamId: string) => ({ streamId })],
    ['a channel', () => ({ channel: 'build' })],
  ] as const)('%s that another hub forgets takes nothing else that is in memory along', async (_, forgotten) => {
    store.full = true
    const tab = await openReading()
    const other = tab.channel('other')
    void other.text
    await other.open({ url: '/other' })
    world.upstream.release('a')
    await until(() => tab.build.text === 'a' && other.text === 'a')
    await world.startHub()
    const { connection } = world.openTab()
    // Else the second stream, as the younger of two in one millisecond, is younger than this.
    world.clock.advance(10)
    await connection.call((hub) => hub.forget(forgotten(tab.build.streamId as string)))
    await until(() => tab.build.streamId === null, 'the other hub')
    world.upstream.release('b')
    await until(() => other.text === 'ab', 'the other stream')
    store.full = false
    await timeUntil(async () => (await store.rows()).length === 1, 'it to be stored')
    expect((await store.rows())[0]?.streamId).toBe(other.streamId)
  })

  it('a stream that starts while another hub clears is not taken along: it is younger', async () => {
    store.full = true
    const tab = world.openTab()
    await tab.connection.connected()
    await settle()
    await world.startHub()
    const { connection } = world.openTab()
    await connection.connected()
    await settle()
    const list = store.hold('rows')
    const cleared = connection.call((hub) => hub.clear())
    await until(() => store.isHeld('rows'), 'the other hub')
    store.pass('rows')
    world.clock.advance(1)
    const build = tab.channel('build')
    void build.text
    await build.open({ url: '/log' })
    list()
    await cleared
    world.upstream.release('a')
    await until(() => build.text === 'a', 'the younger one')
    await settle()
    expect(build.streamId).not.toBeNull()
    store.full = false
    await timeUntil(async () => (await store.rows()).length === 1, 'it to be stored')
  })

  it('secrets go with a stream that another hub forgets, and with no other', async () => {
    const asked: string[] = []
    const tab = world.openTab(({ streamId }) => {
      asked.push(streamId)
      return Promise.resolve([['authorization', 'Bearer 2']])
    })
    const [chat, log] = [tab.channel('chat'), tab.channel('log')]
    const id = await chat.send(secret)
    await log.open(secret)
    await until(() => log.status === 'streaming' && chat.status === 'streaming')
    await world.startHub()
    const { connection } = world.openTab()
    await connection.call((hub) => hub.forget({ streamId: id }))
    await until(() => chat.streamId === null, 'the first hub')
    world.upstream.cut()
    await until(() => log.status === 'reconnecting')
    await settle()
    world.clock.advance(2_000)
    await until(() => log.status === 'streaming', 'the other stream')
    expect(asked).toEqual([])
    await tab.connection.call((hub) =>
      hub.start({ streamId: id, channel: 'chat', source: source({ credentials: true }), mode: 'join' }),
    )
    await until(() => chat.status === 'streaming', 'the same id again')
    expect(asked).toEqual([id])
    expect(world.upstream.requests.map(({ headers }) => headers[0]?.[1])).toEqual([
      'Bearer 1',
      'Bearer 1',
      'Bearer 1',
      'Bearer 2',
    ])
  })

  it('secrets go with their streams', async () => {
    const asked: string[] = []
    const tab = world.openTab(({ streamId }) => {
      asked.push(streamId)
      return Promise.resolve([['authorization', 'Bearer 2']])
    })
    const chat = tab.channel('chat')
    const id = await chat.send(secret)
    await until(() => world.upstream.requests.length === 1)
    await tab.connection.call((hub) => hub.forget({ streamId: id }))
    world.clock.advance(1)
    // The same id again, without headers: the hub has none of before.
    await tab.connection.call((hub) =>
      hub.start({ streamId: id, channel: 'chat', source: source({ credentials: true }), mode: 'join' }),
    )
    await until(() => world.upstream.requests.length === 2)
    expect(asked).toEqual([id])
    expect(world.upstream.requests[1]?.headers).toEqual([['authorization', 'Bearer 2']])
  })

  it('asked for again after a hub died in between, is done', async () => {
    const tab = await openReading()
    world.upstream.end()
    await until(() => tab.build.done)
    const streamId = tab.build.streamId as string
    const go = store.hold('rows')
    const forgetting = tab.connection.call((hub) => hub.forget({ streamId }))
    await settle()
    world.killHub()
    go()
    await forgetting
    await tab.connection.call((hub) => hub.forget({ streamId }))
    await tab.connection.call((hub) => hub.forget({ channel: 'build' }))
    expect(await store.rows()).toEqual([])
  })
})

describe('fault 9: a seq that was handed out before it was stored', () => {
  it('is not used again for another chunk without the view being told to start over', async () => {
    const tab = await openReading()
    world.upstream.release('a')
    await until(() => tab.build.text === 'a')
    store.full = true
    world.upstream.release('b')
    await until(() => tab.build.text === 'ab')
    // What upstream says after the hub's death is something else than what it said before.
    world.upstream.units.splice(1, 1, 'B')
    store.full = false
    world.killHub()
    world.upstream.release('C')
    world.upstream.end()
    await until(() => tab.build.done)
    expect(tab.build.text).toBe('aBC')
  })
})
