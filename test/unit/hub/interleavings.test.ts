import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import '../../../src/client/content.ts'
import type { HubChannel } from '../../../src/client/hub-channel.ts'
import { View } from '../../../src/client/view.ts'
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
  world.upstream.end()
  await world.close()
})

/** A few turns of the event loop, in which whatever can happen happens. */
export async function settle(turns = 30): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}

const openReading = async (name = 'build'): Promise<HubChannel> => {
  const tab = world.openTab().channel(name)
  void tab.text
  await tab.open({ url: '/log' })
  return tab
}

/** Lets time pass until the condition holds. */
async function timeUntil(condition: () => boolean, what: string): Promise<void> {
  for (let step = 0; step < 60 && !condition(); step++) {
    world.clock.advance(1_000)
    await settle(5)
  }
  expect(condition(), what).toBe(true)
}

describe('verbs that cross', () => {
  it('a stop that is taken back while its socket closes ends nothing', async () => {
    let arrived: () => void = () => undefined
    world.upstream.slow = new Promise((resolve) => (arrived = resolve))
    const tab = await openReading()
    await until(() => world.upstream.requests.length === 1)
    const id = tab.streamId as string
    // Both verbs in one transaction of another hub's: the owner hears of each by a ping of its own.
    const stopping = tab.stop()
    const resuming = tab.resume()
    await Promise.all([stopping, resuming])
    world.upstream.slow = null
    arrived()
    world.upstream.release('a')
    await until(() => tab.text === 'a', 'the stream to go on')
    expect((await store.row(id))?.ending).toBeNull()
  })

  it('the socket of a stream was closed for an intent that is gone when it ends: it connects again', async () => {
    const tab = await openReading()
    world.upstream.release('a')
    await until(() => tab.text === 'a')
    const session = await world.hub.session(tab.streamId as string)
    const row = session.row
    if (!row) throw new Error('no row')
    // The append in flight holds the owner up between closing the socket and looking why.
    const let1 = store.hold('commit', 'after')
    world.upstream.release('b')
    await settle()
    session.learn({ ...row, seq: 2, version: row.version + 2, intent: { kind: 'stop' } })
    await settle()
    session.learn({ ...row, seq: 2, version: row.version + 3, intent: null })
    let1()
    world.upstream.release('c')
    await until(() => tab.text === 'abc', 'the stream to go on')
    expect(tab.ending).toBeNull()
  })

  it('a verb takes effect though the last view of its stream closes in the same moment', async () => {
    const tab = await openReading()
    await tab.stop()
    const id = tab.streamId as string
    await until(() => tab.status === 'stopped')
    const cancelling = tab.cancel()
    // The verb's commit is on its way when the view goes.
    const go = store.hold('commit')
    await settle()
    tab.close()
    await settle()
    go()
    await cancelling
    expect((await store.row(id))?.ending).toMatchObject({ kind: 'cancelled' })
  })

  it('verbs on a stream that has ended, or was deleted, are answered', async () => {
    const tab = await openReading()
    world.upstream.end()
    await until(() => tab.done)
    await tab.stop()
    await tab.cancel()
    await expect(tab.resume()).rejects.toMatchObject({ code: 'not-resumable' })
    expect(tab.status).toBe('done')
    const id = tab.streamId as string
    const { connection } = world.openTab()
    await connection.call((hub) => hub.forget({ streamId: id }))
    await expect(connection.call((hub) => hub.verb({ verbId: 'v', kind: 'stop', streamId: id }))).rejects.toMatchObject(
      {
        code: 'unknown-stream',
      },
    )
    await until(() => tab.streamId === null)
    await expect(tab.stop()).rejects.toMatchObject({ code: 'unknown-stream' })
  })

  it.each(['stop', 'cancel'] as const)('%s is obeyed in whatever the owner is doing', async (kind) => {
    // Connecting.
    let arrived: () => void = () => undefined
    world.upstream.slow = new Promise((resolve) => (arrived = resolve))
    const one = await openReading('one')
    await until(() => world.upstream.requests.length === 1)
    await one[kind]()
    expect(one.status).toBe('stopped')
    world.upstream.slow = null
    arrived()
    // Backing off.
    world.upstream.refusing = true
    const two = await openReading('two')
    await until(() => two.status === 'reconnecting')
    await two[kind]()
    expect((await store.rows('two'))[0]?.status).toBe('stopped')
    // Probing.
    const three = world.openTab().channel('three')
    await three.open({ url: '/log', retries: 0 })
    await until(() => three.status === 'disconnected')
    await three[kind]()
    expect((await store.rows('three'))[0]?.status).toBe('stopped')
    // Waiting for one of the few connections.
    world.upstream.refusing = false
    const many = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => openReading(name)))
    await until(() => many.some((channel) => channel.waitingFor === 'connection'))
    const waiting = many.find((channel) => channel.waitingFor === 'connection')
    await waiting?.[kind]()
    expect((await store.rows(waiting?.name))[0]?.status).toBe('stopped')
    expect(world.upstream.most).toBeLessThanOrEqual(4)
  })
})

describe('a store that fails for a while', () => {
  it.each(['newest', 'row'] as const)('a store that fails in %s while a view attaches is asked again', async (call) => {
    const first = await openReading()
    world.upstream.release('a')
    await until(() => first.text === 'a')
    const id = first.streamId as string
    world.upstream.end()
    await until(() => first.done)
    // A hub that knows nothing yet.
    store.failing.add(call)
    await world.startHub()
    const late = new View(world.openTab().connection, 'build', call === 'newest' ? null : id)
    const text = (): string => late.state.text
    text()
    await settle()
    expect(text()).toBe('')
    store.failing.clear()
    await timeUntil(() => text() === 'a', 'the view to be attached')
  })

  it('when it cannot be read: the view goes on by itself once it can', async () => {
    const tab = await openReading()
    world.upstream.release('a')
    world.upstream.end()
    await until(() => tab.done)
    store.failing.add('readLog')
    // A hub that has nothing in memory.
    world.killHub()
    const late = world.openTab().channel('build')
    void late.text
    await until(() => late.streamId !== null)
    await settle()
    expect(late.text).toBe('')
    store.failing.delete('readLog')
    await timeUntil(() => late.text === 'a' && late.done, 'the late tab to get the log')
  })

  it('when the last append before a silence fails: the chunk is fetched again, without waiting for the next one', async () => {
    const tab = await openReading()
    world.upstream.release('a')
    await until(() => tab.text === 'a')
    store.failing.add('commit')
    world.upstream.release('b')
    await settle()
    store.failing.delete('commit')
    await timeUntil(() => tab.text === 'ab', 'the chunk whose append failed')
    expect(world.upstream.mostOfOne).toBe(1)
  })

  it('and does not spin while it fails', async () => {
    const tab = await openReading()
    world.upstream.release('a')
    await until(() => tab.text === 'a')
    for (const call of ['row', 'rows', 'newest', 'commit', 'openChannel', 'readLog'] as const) store.failing.add(call)
    world.upstream.release('b')
    await settle()
    const before = store.calls.length
    await settle(200)
    expect(store.calls.length - before).toBeLessThan(5)
  })
})

describe('secrets', () => {
  const secret = { url: '/chat', headers: { authorization: 'Bearer 1' } }

  it('never reach the store, and go with a retry', async () => {
    const tab = world.openTab().channel('chat')
    await tab.send(secret)
    await until(() => world.upstream.requests.length === 1)
    await tab.cancel()
    await tab.retry()
    await until(() => world.upstream.requests.length === 2, 'the second run to be sent')
    expect(world.upstream.requests[1]?.headers).toEqual([['authorization', 'Bearer 1']])
    expect(JSON.stringify(await store.rows())).not.toContain('Bearer')
  })

  it('a tab that never answers keeps neither the stream nor its verbs waiting', async () => {
    const sender = world.openTab(() => new Promise(() => undefined))
    const tab = sender.channel('chat')
    await tab.send(secret)
    await until(() => world.upstream.requests.length === 1)
    world.killHub()
    await until(() => tab.status !== 'streaming')
    await settle()
    await tab.stop()
    await until(() => tab.status === 'stopped', 'the stop')
    await tab.resume()
    await timeUntil(() => tab.waitingFor === 'credentials', 'the wait for credentials')
  })

  it('a tab that gives garbage for headers is no tab that gives headers', async () => {
    const tab = world.openTab(() => Promise.resolve([['a']] as never)).channel('chat')
    await tab.send(secret)
    await until(() => world.upstream.requests.length === 1)
    world.killHub()
    await until(() => tab.waitingFor === 'credentials')
    expect(tab.ending).toBeNull()
  })
})

describe('what a hub keeps', () => {
  it('lets go of streams that ended and that nobody reads', async () => {
    const { connection } = world.openTab()
    world.upstream.end()
    for (const streamId of ['one', 'two', 'three']) {
      await connection.call((hub) => hub.start({ streamId, channel: 'chat', source: source(), mode: 'join' }))
    }
    await connection.call((hub) => hub.start({ streamId: 'new', channel: 'log', source: source(), mode: 'replace' }))
    await until(async () => (await store.rows()).every(({ status }) => status === 'done'))
    expect(world.hub.inMemory).toBeGreaterThan(1)
    await timeUntil(() => world.hub.inMemory === 0, 'nothing to be in memory')
  })

  it('lets go of a stream that was deleted under its views', async () => {
    const tab = await openReading()
    const { connection } = world.openTab()
    await connection.call((hub) => hub.forget({ channel: 'build' }))
    await until(() => tab.streamId === null)
    await timeUntil(() => world.hub.inMemory === 0, 'nothing to be in memory')
  })
})

describe('channels', () => {
  it('open() of an older source joins it, and the channel goes on showing the newest stream', async () => {
    const tab = world.openTab().channel('build')
    void tab.text
    const first = await tab.open({ url: '/one' })
    world.upstream.release('a')
    await until(() => tab.text === 'a')
    const second = await tab.open({ url: '/two' })
    await until(() => tab.streamId === second && tab.text === 'a')
    expect(await tab.open({ url: '/one' })).toBe(first)
    await settle()
    expect(tab.streamId).toBe(second)
    world.upstream.release('b')
    await until(() => tab.text === 'ab')
  })

  it('a stream that starts while a view attaches is the one that the view shows', async () => {
    const tab = world.openTab().channel('build')
    const first = await tab.open({ url: '/one' })
    const go = store.hold('newest', 'after')
    const late = world.openTab().channel('build')
    await until(() => store.calls.at(-1) === 'newest')
    go()
    const second = await tab.send({ url: '/two' })
    await until(() => late.streamId === second, 'the newest stream')
    expect(first).not.toBe(second)
  })

  it('a request that waits for a connection was not sent: a hub that dies meanwhile costs nothing', async () => {
    const tab = world.openTab()
    const channels = ['a', 'b', 'c', 'd', 'e'].map((name) => tab.channel(name))
    // Head and resume address never come for the first four.
    world.upstream.slow = new Promise(() => undefined)
    for (const channel of channels) await channel.send({ url: '/chat', method: 'POST', body: 'hi' })
    await until(() => channels[4]?.waitingFor === 'connection')
    world.upstream.slow = null
    world.killHub()
    await until(() => channels[4]?.status === 'streaming', 'the fifth to be sent')
    await until(() => channels.slice(0, 4).every(({ status }) => status === 'disconnected'))
    expect(world.upstream.requests).toHaveLength(5)
  })
})
