import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, expect, it } from 'vitest'
import '../../../src/client/content.ts'
import '../../../src/client/producer.ts'
import { countChannels } from '../../walk/wire.ts'
import { until, World } from './world.ts'

/** Detaching is heard of in a few turns of the event loop; what is left then stays. */
async function settle(turns = 40): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}

let channels: ReturnType<typeof countChannels>

beforeEach(() => {
  Object.assign(globalThis, { document: { baseURI: 'http://upstream.test/' } })
  channels = countChannels()
})

afterEach(() => channels.stop())

it.each([
  ['views that come and go', 'view'],
  ['readers that come and go', 'reader'],
  ['tabs that open and close', 'close'],
  ['tabs that open and crash', 'crash'],
] as const)('a hundred %s leave no port, lock, cursor or listener behind', async (_, how) => {
  const world = new World()
  const page = world.openTab()
  const tab = page.channel('build')
  void tab.text
  const streamId = await tab.open({ url: '/log' })
  world.upstream.release('a')
  await until(() => tab.text === 'a')
  const session = await world.hub.session(streamId)
  const signals: AbortSignal[] = []
  const listenTo = AbortSignal.prototype.addEventListener
  const look = (): object => ({
    locks: world.locks.inUse.length,
    channels: channels.open,
    cursors: session.listeners.size,
    tabs: world.hub.tabs.size,
    sessions: world.hub.inMemory,
    listeners: signals.reduce((sum, signal) => sum + getEventListeners(signal, 'abort').length, 0),
    waits: world.clock.waiting,
  })
  // Signals that live as long as the hub or the page are those that are listened to now.
  AbortSignal.prototype.addEventListener = function (this: AbortSignal, ...args: Parameters<typeof listenTo>) {
    if (!signals.includes(this)) signals.push(this)
    return listenTo.apply(this, args)
  }
  const cycle = async (): Promise<void> => {
    if (how === 'view' || how === 'reader') {
      const view = page.channel('build')
      if (how === 'view') {
        void view.text
        await until(() => view.text === 'a')
      } else {
        const reader = view.read({ from: 'start' })[Symbol.asyncIterator]()
        expect((await reader.next()).value).toMatchObject({ data: 'a' })
        await reader.return?.()
      }
      view.close()
      return
    }
    const other = world.openTab()
    const view = other.channel('build')
    void view.text
    await until(() => view.text === 'a')
    if (how === 'close') other.connection.close()
    else world.locks.kill(other.tag)
    await until(() => world.hub.tabs.size === 1, 'the hub to notice')
    // A page that crashed says nothing more; under Node its connection must be told so.
    if (how === 'crash') other.connection.close()
  }
  const settled = async (cycle: () => Promise<void>, times: number): Promise<object> => {
    for (let i = 0; i < times; i++) await cycle()
    await settle()
    // Ports are closed in a task of their own. Two are the page's.
    await until(() => channels.open <= 2, 'ports to close')
    return look()
  }
  try {
    const before = await settled(cycle, 3)
    expect(await settled(cycle, 100)).toEqual(before)
  } finally {
    AbortSignal.prototype.addEventListener = listenTo
    page.connection.close()
    world.upstream.end()
    await world.close()
  }
})

it('chunks that come and chunks that are written leave nothing at what has not happened yet', async () => {
  const race = Promise.race.bind(Promise)
  /** How often each promise was raced with that is still pending: each time left a reaction at it. */
  const raced = new Map<unknown, number>()
  Promise.race = (<T>(works: Iterable<T>): Promise<Awaited<T>> => {
    const all = [...works]
    for (const work of all) {
      const settled = (): void => void raced.delete(work)
      if (!raced.has(work)) Promise.resolve(work).then(settled, settled)
      raced.set(work, (raced.get(work) ?? 0) + 1)
    }
    return race(all)
  }) as typeof Promise.race
  const world = new World()
  const page = world.openTab()
  const sink = page.channel('mine').start()
  try {
    const tab = page.channel('build')
    void tab.text
    await tab.open({ url: '/log' })
    for (let count = 1; count <= 100; count++) {
      world.upstream.release('a')
      await until(() => tab.text.length === count, 'the chunk to arrive')
      await sink.write('b')
    }
    await settle()
    expect([...raced.values()].filter((count) => count > 3)).toEqual([])
  } finally {
    Promise.race = race
    world.upstream.end()
    await sink.close()
    page.connection.close()
    await world.close()
  }
})
