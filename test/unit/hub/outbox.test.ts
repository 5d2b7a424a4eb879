import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import '../../../src/client/content.ts'
import type { HubChannel } from '../../../src/client/hub-channel.ts'
import { Outbox } from '../../../src/hub/outbox.ts'
import { sendQueued } from '../../../src/hub/send-queued.ts'
import { MemoryLogStore } from '../../../src/store/memory-store.ts'
import { SteppedClock, until, World } from './world.ts'

const chat = (body: string) => ({ url: '/chat', method: 'POST', body })
const queue = { whenOffline: 'queue' } as const

/** The browser's storage outlives the hub that closes it. */
class LastingStore extends MemoryLogStore {
  override close(): void {
    // The next hub opens it again.
  }
}

let world: World

beforeEach(() => {
  world = new World(new LastingStore())
  Object.assign(globalThis, { document: { baseURI: 'http://upstream.test/' } })
})

afterEach(async () => {
  world.upstream.end()
  await world.close()
})

/** A few turns of the event loop, in which whatever can happen happens. */
async function settle(turns = 50): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}

const sentBodies = (): unknown[] =>
  world.upstream.requests.filter(({ resuming }) => !resuming).map(({ source }) => source.body)

async function queued(channel: HubChannel, body: string): Promise<string> {
  const streamId = await channel.send(chat(body), queue)
  await until(() => channel.streamId === streamId && channel.status === 'queued', `"${body}" to be queued`)
  return streamId
}

/** Time passes until the next look at the server. */
async function look(): Promise<void> {
  await settle()
  world.clock.advance(20_000)
  await settle()
}

describe('a stream sent with whenOffline: queue', () => {
  it('is sent at once where its server answers', async () => {
    const channel = world.openTab().channel('chat')
    await channel.send(chat('hi'), queue)
    await until(() => channel.status === 'streaming')
    expect(sentBodies()).toEqual(['hi'])
  })

  it('waits, unsent and in all tabs, while its server is silent, and is sent once when it answers', async () => {
    const channel = world.openTab().channel('chat')
    const other = world.openTab().channel('chat')
    world.reachable = false
    await queued(channel, 'hi')
    await until(() => other.status === 'queued' && other.waitingFor === 'network', 'the other tab')
    expect(other.state).toMatchObject({ loading: true, canResume: false })
    expect((await world.store.rows())[0]).toMatchObject({ sent: false, status: 'queued' })
    await look()
    expect(world.upstream.requests).toHaveLength(0)
    world.reachable = true
    await look()
    await until(() => other.status === 'streaming')
    await look()
    expect(sentBodies()).toEqual(['hi'])
  })

  it('is asked after at once when a page says that the network is back', async () => {
    const { channel, connection } = world.openTab()
    world.reachable = false
    const chatChannel = channel('chat')
    await queued(chatChannel, 'hi')
    await settle()
    world.reachable = true
    connection.nudge()
    await until(() => chatChannel.status === 'streaming')
  })

  it('that a browser without a network sends is queued before anything is asked', async () => {
    world.online = false
    const channel = world.openTab().channel('chat')
    world.reachable = false
    await channel.send(chat('hi'), queue)
    expect(channel.status).toBe('queued')
  })

  it('does not cancel what was queued before it, and is sent after that has ended', async () => {
    const channel = world.openTab().channel('chat')
    world.reachable = false
    const first = await queued(channel, 'one')
    const second = await queued(channel, 'two')
    await queued(channel, 'three')
    world.reachable = true
    await look()
    await until(() => sentBodies().length === 1)
    world.upstream.release('answer')
    await look()
    // The first is live, and not yet at its end.
    expect(sentBodies()).toEqual(['one'])
    world.upstream.end()
    await until(async () => (await world.store.rows()).every((row) => row.status === 'done'), 'all to be done')
    expect(sentBodies()).toEqual(['one', 'two', 'three'])
    const rows = await world.store.rows('chat')
    expect(rows.map(({ streamId }) => streamId).slice(0, 2)).toEqual([first, second])
  })

  it('goes on where the one before it was stopped, or cannot be continued', async () => {
    world.upstream.resumable = false
    const channel = world.openTab().channel('chat')
    world.reachable = false
    await queued(channel, 'one')
    await queued(channel, 'two')
    world.reachable = true
    await look()
    await until(() => sentBodies().length === 1)
    world.upstream.cut()
    await until(() => sentBodies().length === 2, 'the second')
    expect((await world.store.rows('chat'))[0]).toMatchObject({ status: 'disconnected', resumable: false })
  })

  it('replaces a stream that was sent at once, as any send does', async () => {
    const channel = world.openTab().channel('chat')
    const first = await channel.send(chat('one'), queue)
    await until(() => channel.status === 'streaming')
    await channel.send(chat('two'), queue)
    await until(async () => (await world.store.row(first))?.ending?.kind === 'cancelled', 'the first to be replaced')
    await until(() => sentBodies().length === 2)
  })

  it('leaves the outbox in the order of creation, over all channels', async () => {
    const { channel } = world.openTab()
    world.reachable = false
    for (const name of ['b', 'a', 'd', 'c']) {
      await queued(channel(name), name)
      world.clock.advance(1)
    }
    world.reachable = true
    await look()
    await until(() => sentBodies().length === 4)
    expect(sentBodies()).toEqual(['b', 'a', 'd', 'c'])
  })

  it('is not sent where its server fell silent while it waited for a connection', async () => {
    const tab = world.openTab()
    const others = ['a', 'b', 'c', 'd'].map((name) => tab.channel(name))
    for (const other of others) await other.open({ url: `/${other.name}` })
    await until(() => world.upstream.sockets.size === 4)
    world.upstream.release('x')
    const channel = tab.channel('chat')
    await channel.send(chat('hi'), queue)
    await until(() => channel.waitingFor === 'connection', 'it to wait for a connection')
    world.reachable = false
    // The turn of another stream is over.
    world.clock.advance(3_000)
    await until(() => channel.status === 'queued' && channel.waitingFor === 'network', 'it to be queued')
    expect(sentBodies()).not.toContain('hi')
    world.reachable = true
    await look()
    world.clock.advance(3_000)
    await until(() => channel.status === 'streaming', 'it to be sent')
    expect(sentBodies().filter((body) => body === 'hi')).toHaveLength(1)
  })

  it('is ended unsent by a cancel', async () => {
    const { channel } = world.openTab()
    const chatChannel = channel('chat')
    world.reachable = false
    const first = await queued(chatChannel, 'one')
    await queued(chatChannel, 'two')
    await chatChannel.stream(first).cancel()
    expect(await world.store.row(first)).toMatchObject({ sent: false, ending: { kind: 'cancelled' } })
    await chatChannel.cancel()
    await until(() => chatChannel.ending?.kind === 'cancelled', 'the cancel')
    world.reachable = true
    await look()
    expect(world.upstream.requests).toHaveLength(0)
    expect(world.cancelled).toHaveLength(0)
  })

  it('can be stopped and taken up again, and is still sent once', async () => {
    const channel = world.openTab().channel('chat')
    world.reachable = false
    await queued(channel, 'one')
    await channel.stop()
    await until(() => channel.status === 'stopped' && channel.canResume, 'the stop')
    world.reachable = true
    await look()
    expect(world.upstream.requests).toHaveLength(0)
    world.reachable = false
    await channel.resume()
    await until(() => channel.status === 'queued')
    world.reachable = true
    await look()
    await until(() => channel.status === 'streaming')
    expect(sentBodies()).toEqual(['one'])
  })

  it('is replaced, unsent, by a send that does not queue', async () => {
    const channel = world.openTab().channel('chat')
    world.reachable = false
    await queued(channel, 'one')
    await channel.send(chat('two'))
    await until(() => channel.status === 'streaming')
    await look()
    world.reachable = true
    await look()
    expect(sentBodies()).toEqual(['two'])
  })

  it('stays queued when its retry finds no server either', async () => {
    const channel = world.openTab().channel('chat')
    world.reachable = false
    await queued(channel, 'one')
    await channel.cancel()
    await channel.retry()
    await until(() => channel.status === 'queued')
    world.reachable = true
    await look()
    await until(() => channel.status === 'streaming')
    expect(sentBodies()).toEqual(['one'])
  })

  it('survives the death of its hub', async () => {
    const channel = world.openTab().channel('chat')
    world.reachable = false
    await queued(channel, 'one')
    await queued(channel, 'two')
    world.killHub()
    await settle()
    world.reachable = true
    await look()
    await until(() => sentBodies().length === 1)
    world.upstream.end()
    await until(() => sentBodies().length === 2)
    expect(sentBodies()).toEqual(['one', 'two'])
  })

  it('is not sent again when its hub dies after the commit that says so (rule 8)', async () => {
    world.upstream.resumable = false
    const channel = world.openTab().channel('chat')
    await channel.send(chat('one'), queue)
    await until(() => channel.status === 'streaming')
    world.killHub()
    await until(() => channel.status === 'disconnected', 'the loss to show')
    await look()
    expect(sentBodies()).toEqual(['one'])
    expect(channel.state).toMatchObject({ canResume: false, canRetry: true })
  })

  it('is left to a hub that has a tab, by one that has none', async () => {
    const { channel, connection } = world.openTab()
    world.reachable = false
    await queued(channel('chat'), 'one')
    const first = world.hub
    connection.close()
    await until(() => first.tabs.size === 0)
    await settle()
    await world.startHub()
    const second = world.openTab().channel('chat')
    await until(() => second.status === 'queued')
    world.reachable = true
    await look()
    await until(() => second.status === 'streaming')
    expect(world.hub).not.toBe(first)
    const [info] = await world.hub.streams('chat')
    expect(info?.owner).toBe('this')
  })
})

describe('a hub without tabs that is to empty the outbox', () => {
  /** Two messages of one chat and one of another are queued, and the tab is closed. */
  async function closedWithThree(): Promise<void> {
    const { channel, connection } = world.openTab()
    world.reachable = false
    await queued(channel('chat'), 'one')
    world.clock.advance(1)
    await queued(channel('chat'), 'two')
    world.clock.advance(1)
    await queued(channel('other'), 'three')
    connection.close()
    world.killHub()
  }

  it('sends in order, stays while others wait behind a stream, and leaves the last one to the next hub', async () => {
    await closedWithThree()
    world.reachable = true
    const worker = await world.startHub()
    const sending = sendQueued(worker, new AbortController().signal)
    await until(() => sentBodies().length === 2)
    expect(sentBodies()).toEqual(['one', 'three'])
    world.upstream.release('a')
    await settle()
    world.upstream.end()
    await until(() => sentBodies().length === 3)
    expect(await sending).toBe(true)
    await worker.close()
    world.killHub(worker)
    const reader = world.openTab().channel('chat')
    void reader.text
    await until(() => reader.done && reader.text === 'a', 'the answer')
    expect(sentBodies()).toHaveLength(3)
  })

  it('leaves a stream that can be continued in mid-answer, and the next hub goes on from there', async () => {
    const { channel, connection } = world.openTab()
    world.reachable = false
    await queued(channel('chat'), 'one')
    connection.close()
    world.killHub()
    world.reachable = true
    const worker = await world.startHub()
    expect(await sendQueued(worker, new AbortController().signal)).toBe(true)
    world.upstream.release('a')
    await worker.close()
    world.killHub(worker)
    expect(world.upstream.sockets.size).toBe(0)
    world.upstream.release('b')
    const reader = world.openTab().channel('chat')
    void reader.text
    await until(() => reader.text === 'ab', 'the rest')
    expect(world.upstream.requests.map(({ resuming }) => resuming)).toEqual([false, true])
  })

  it('stays with a stream that cannot be continued until its end', async () => {
    world.upstream.resumable = false
    const { channel, connection } = world.openTab()
    world.reachable = false
    await queued(channel('chat'), 'one')
    connection.close()
    world.killHub()
    world.reachable = true
    const worker = await world.startHub()
    let left = false
    const sending = sendQueued(worker, new AbortController().signal).then((sent) => {
      left = true
      return sent
    })
    await until(() => world.upstream.sockets.size === 1)
    world.upstream.release('a')
    await look()
    expect(left).toBe(false)
    world.upstream.end()
    expect(await sending).toBe(true)
  })

  it('gives up at once where no server answers, and says that something is left', async () => {
    await closedWithThree()
    const worker = await world.startHub()
    expect(await sendQueued(worker, new AbortController().signal)).toBe(false)
    expect(world.upstream.requests).toHaveLength(0)
  })

  it('takes up what an earlier one was killed over, and then sends what waits behind that', async () => {
    await closedWithThree()
    world.reachable = true
    const first = await world.startHub()
    void sendQueued(first, new AbortController().signal)
    await until(() => sentBodies().length === 2)
    await settle()
    world.killHub(first)
    const second = await world.startHub()
    const sending = sendQueued(second, new AbortController().signal)
    await until(() => world.upstream.requests.some(({ resuming }) => resuming), 'the first to go on')
    world.upstream.end()
    expect(await sending).toBe(true)
    expect(sentBodies()).toEqual(['one', 'three', 'two'])
  })

  it('gives up when its time is over', async () => {
    await closedWithThree()
    world.reachable = true
    const worker = await world.startHub()
    const limit = new AbortController()
    const sending = sendQueued(worker, limit.signal)
    await until(() => sentBodies().length === 2)
    limit.abort()
    expect(await sending).toBe(false)
  })

  it('touches no stream that was not queued', async () => {
    const tab = world.openTab()
    await tab.channel('build').open({ url: '/log' })
    await until(() => world.upstream.sockets.size === 1)
    world.reachable = false
    await queued(tab.channel('chat'), 'one')
    tab.connection.close()
    world.killHub()
    world.reachable = true
    const worker = await world.startHub()
    await sendQueued(worker, new AbortController().signal)
    expect(world.upstream.requests.map(({ source }) => source.body)).toEqual([null, 'one'])
  })
})

describe('the look at a server', () => {
  it('lets out who was created first before the others, whoever came first', async () => {
    const clock = new SteppedClock()
    let there = false
    const outbox = new Outbox({
      reach: () => Promise.resolve(there),
      clock,
      random: () => 0.5,
      closed: new AbortController().signal,
    })
    const gone: number[] = []
    const { signal } = new AbortController()
    for (const createdAt of [3, 1, 2]) {
      void outbox.wait('http://a.test/', createdAt, signal).then(() => gone.push(createdAt))
    }
    clock.advance(1_000)
    await settle()
    expect(gone).toEqual([])
    there = true
    outbox.nudge()
    await until(() => gone.length === 3)
    expect(gone).toEqual([1, 2, 3])
  })

  it('is shared by all who ask, counts for a second, and no longer once a connection was lost', async () => {
    const clock = new SteppedClock()
    let looks = 0
    const outbox = new Outbox({
      reach: () => Promise.resolve(++looks > 0),
      clock,
      random: () => 0.5,
      closed: new AbortController().signal,
    })
    const [a, b] = [outbox.reaches('http://a.test/v1/chat'), outbox.reaches('http://a.test/v1/other?x')]
    expect([await a, await b, await outbox.reaches('http://a.test/v1/chat')]).toEqual([true, true, true])
    expect(looks).toBe(1)
    await outbox.reaches('http://a.test/v2/chat')
    expect(looks).toBe(2)
    clock.advance(1_001)
    await outbox.reaches('http://a.test/v1/chat')
    expect(looks).toBe(3)
    outbox.lost('http://a.test/v1/chat')
    await outbox.reaches('http://a.test/v1/chat')
    expect(looks).toBe(4)
  })
})
