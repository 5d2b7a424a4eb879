import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import '../../../src/client/content.ts'
import '../../../src/client/producer.ts'
import type { HubChannel } from '../../../src/client/hub-channel.ts'
import type { Hub } from '../../../src/hub/hub.ts'
import type { Locks } from '../../../src/liveness/locks.ts'
import { ownLock } from '../../../src/protocol/names.ts'
import { UnreliableStore } from './unreliable-store.ts'
import { until, World } from './world.ts'

let store: UnreliableStore
let world: World
/** Hubs that spin now: they are woken at the end, or they could not leave. */
let spinning: Hub[] = []

beforeEach(() => {
  store = new UnreliableStore()
  world = new World(store)
  Object.assign(globalThis, { document: { baseURI: 'http://upstream.test/' } })
})

afterEach(async () => {
  for (const hub of spinning) world.wake(hub)
  spinning = []
  world.upstream.end()
  await world.close()
})

async function settle(turns = 30): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}

/** Seconds pass, one by one, as they do for a thread that runs. */
async function pass(seconds: number): Promise<void> {
  for (let i = 0; i < seconds; i++) {
    world.clock.advance(1_000)
    await settle()
  }
}

/** Seconds pass until the condition holds. */
async function passUntil(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 60 && !condition(); i++) await pass(1)
  expect(condition(), what).toBe(true)
}

/** A visible tab's deadline passes: it leaves the hub that spins, for another. */
async function leave(tab: Reading): Promise<void> {
  const before = world.hub
  await world.passDeadline(tab.tag)
  await until(() => world.hasHub && world.hub !== before && world.hub.tabs.size > 0, 'another hub')
}

/** Visible tabs come to this hub, again and again, because another one did not answer. */
async function complain(hub: Hub): Promise<void> {
  for (let i = 0; i < 3; i++) {
    hub.suspectOthers()
    await pass(20)
  }
}

interface Reading {
  tag: string
  channel: HubChannel
}

async function openReading(first: boolean): Promise<Reading> {
  const tab = world.openTab()
  const channel = tab.channel('build')
  void channel.text
  if (first) {
    await channel.open({ url: '/log' })
    world.upstream.release('a')
  }
  await until(() => channel.text === 'a', 'the first chunk')
  return { tag: tab.tag, channel }
}

/** Two tabs of one hub, which then spins. */
async function stuckHub(): Promise<{ first: Reading; second: Reading; stuck: Hub; streamId: string }> {
  const first = await openReading(true)
  const second = await openReading(false)
  const stuck = world.hub
  world.spin(stuck)
  spinning.push(stuck)
  return { first, second, stuck, streamId: first.channel.streamId as string }
}

const holder = (streamId: string): string[] => world.locks.holders(ownLock(streamId))
const epoch = async (): Promise<number | undefined> => (await store.rows())[0]?.epoch

describe('rule 14: an owner that spins', () => {
  it('is robbed once its tabs have left it, which go on with the next hub; the epoch rises once', async () => {
    const { first, second, stuck, streamId } = await stuckHub()
    world.upstream.release('b')
    await leave(first)
    expect(holder(streamId)).toEqual([stuck.bootId])
    await passUntil(() => first.channel.text === 'ab', 'the first tab to go on')
    // It is still attached to the one that spins.
    expect(second.channel.text).toBe('a')
    await world.passDeadline(second.tag)
    await until(() => second.channel.text === 'ab', 'the second tab to go on')
    expect(holder(streamId)).toEqual([world.hub.bootId])
    expect(await epoch()).toBe(2)
    expect(world.upstream.requests.map(({ position }) => position.token)).toEqual([null, '1'])
  })

  it('wakes up fenced: it commits nothing, closes its connection, and leaves', async () => {
    const { first, second, stuck } = await stuckHub()
    world.upstream.release('b')
    await leave(first)
    await passUntil(() => first.channel.text === 'ab', 'the tab to go on')
    expect(world.upstream.sockets.size).toBe(2)
    world.wake(stuck)
    await until(() => world.upstream.sockets.size === 1, 'its socket to close')
    await until(() => world.hubs.length === 1, 'it to leave')
    // The tab that stayed with it follows, without having noticed anything.
    world.upstream.release('c')
    world.upstream.end()
    await until(() => first.channel.done && second.channel.done, 'the end')
    expect([first.channel.text, second.channel.text]).toEqual(['abc', 'abc'])
    expect((await store.rows())[0]).toMatchObject({ seq: 3, epoch: 2 })
  })

  it('answers no verb, but the next hub does, and it is applied once', async () => {
    const { first, stuck, streamId } = await stuckHub()
    let stopped = false
    void first.channel.stop().then(() => (stopped = true))
    await settle()
    await leave(first)
    await passUntil(() => stopped, 'the answer')
    expect(first.channel.status).toBe('stopped')
    world.wake(stuck)
    await until(() => world.hubs.length === 1, 'it to leave')
    expect((await store.row(streamId))?.verbIds).toHaveLength(1)
    expect(first.channel.status).toBe('stopped')
    expect(world.upstream.sockets.size).toBe(0)
  })

  it('is not robbed of what it can still serve: a hub that answers keeps its streams, whoever complains of another', async () => {
    const { channel } = await openReading(true)
    const owner = world.hub
    const other = await world.startHub()
    const late = world.openTab()
    const follower = late.channel('build')
    void follower.text
    await until(() => follower.text === 'a', 'the follower')
    other.suspectOthers()
    await pass(60)
    expect(holder(channel.streamId as string)).toEqual([owner.bootId])
    expect(await epoch()).toBe(1)
  })

  it('is not robbed while no tab has complained', async () => {
    const { streamId, stuck } = await stuckHub()
    await world.startHub()
    const follower = world.openTab().channel('build')
    void follower.text
    await until(() => follower.text === 'a', 'the follower')
    await pass(60)
    expect(holder(streamId)).toEqual([stuck.bootId])
    expect(await epoch()).toBe(1)
  })

  it('is not robbed by a hub that slept itself, for an hour or ten', async () => {
    const { streamId, stuck } = await stuckHub()
    const other = await world.startHub()
    const follower = world.openTab().channel('build')
    void follower.text
    await until(() => follower.text === 'a', 'the follower')
    other.suspectOthers()
    // It has asked the owner when it falls asleep.
    await settle()
    for (let i = 0; i < 10; i++) {
      world.clock.advance(3_600_000)
      await settle()
    }
    expect(holder(streamId)).toEqual([stuck.bootId])
  })

  it('is robbed by one of two hubs that both find it stuck, and that one by none', async () => {
    const { stuck } = await stuckHub()
    const hubs = [await world.startHub()]
    const tabs = [world.openTab().channel('build')]
    hubs.push(await world.startHub())
    tabs.push(world.openTab().channel('build'))
    for (const tab of tabs) void tab.text
    await until(() => tabs.every((tab) => tab.text === 'a'), 'both followers')
    for (const hub of hubs) hub.suspectOthers()
    world.upstream.release('b')
    await pass(20)
    await until(() => tabs.every((tab) => tab.text === 'ab'), 'both to go on')
    for (const hub of hubs) hub.suspectOthers()
    await pass(40)
    // Both may have asked in the same second: the second robbery finds an epoch that rose, or raises it once more, and that is all.
    expect(await epoch()).toBeLessThanOrEqual(3)
    const settled = await epoch()
    world.wake(stuck)
    await pass(10)
    expect(await epoch()).toBe(settled)
    expect(world.upstream.sockets.size).toBe(1)
  })

  it('is robbed once in an epoch by the same hub, however often it is found stuck; again once the epoch rose', async () => {
    const { streamId, stuck } = await stuckHub()
    let robberies = 0
    // Whoever takes the lock from the hub that spins loses it in the same moment, before it can take over.
    const { agent } = world.locks
    world.locks.agent = (tag) => {
      const locks = agent.call(world.locks, tag)
      const request = (...args: [string, LockOptions, LockGrantedCallback<unknown>]): Promise<unknown> => {
        const held = locks.request(...args)
        if (args[1].steal === true && args[0] === ownLock(streamId)) {
          robberies += 1
          const back = agent.call(world.locks, stuck.bootId)
          back.request(args[0], { steal: true }, () => new Promise<never>(() => undefined)).catch(() => undefined)
        }
        return held
      }
      return { ...locks, request: request as Locks['request'] }
    }
    const other = await world.startHub()
    const follower = world.openTab().channel('build')
    void follower.text
    await until(() => follower.text === 'a', 'the follower')
    await complain(other)
    expect(robberies).toBe(1)
    expect(await epoch()).toBe(1)
    await store.commit([
      { streamId, decide: (row) => (row ? { row: { ...row, version: row.version + 1, epoch: 2 } } : null) },
    ])
    other.suspectOthers()
    await passUntil(() => robberies > 1, 'it to be robbed in the next epoch')
    other.suspectOthers()
    await pass(40)
    expect(robberies).toBe(2)
  })

  it('is never a page: what a page writes stays with it, whoever complains', async () => {
    const writer = world.openTab()
    const sink = writer.channel('notes').start()
    await sink.write('a')
    const other = await world.startHub()
    const follower = world.openTab().channel('notes')
    void follower.text
    await until(() => follower.text === 'a', 'the follower')
    await complain(other)
    expect(holder(sink.id)).toEqual([writer.tag])
    expect(sink.signal.aborted).toBe(false)
    await sink.write('b')
    await sink.close()
    await until(() => follower.done && follower.text === 'ab', 'the rest')
  })

  it('that is robbed with its take-over under way raises the epoch once more, and all come to rest', async () => {
    const commit = store.hold('commit')
    const tab = world.openTab()
    const channel = tab.channel('build')
    void channel.text
    await channel.open({ url: '/log' })
    await until(() => store.calls.includes('commit'), 'the take-over')
    store.pass('commit')
    const stuck = world.hub
    world.spin(stuck)
    spinning.push(stuck)
    await leave({ tag: tab.tag, channel })
    world.upstream.release('a')
    await passUntil(() => channel.text === 'a', 'the next hub')
    expect(await epoch()).toBe(1)
    commit()
    await until(async () => (await epoch()) === 2, 'the late take-over')
    world.upstream.release('b')
    await passUntil(() => channel.text === 'ab', 'the next hub to go on')
    expect(await epoch()).toBe(3)
    world.wake(stuck)
    await until(() => world.hubs.length === 1, 'it to leave')
    await settle()
    expect(world.upstream.sockets.size).toBe(1)
    expect(await epoch()).toBe(3)
  })
})

it('a hub that was left carries out no start that it still had: the stream may have been deleted since', async () => {
  const tab = world.openTab()
  const channel = tab.channel('notes')
  await until(() => world.hasHub && world.hub.tabs.size > 0)
  const release = store.hold('openChannel')
  const sent = channel.send('http://upstream.test/')
  await until(() => store.isHeld('openChannel'), 'the start to be on its way')
  // What comes from the next hub goes through.
  store.pass('openChannel')
  await world.hub.retire()
  const streamId = await sent
  await tab.connection.call((hub) => hub.forget({ streamId }))
  release()
  await settle()
  expect(await store.row(streamId)).toBeUndefined()
  expect(world.upstream.requests.filter((request) => request.streamId === streamId)).toHaveLength(1)
})
