import * as Comlink from 'comlink'
import { afterEach, beforeEach, expect, it } from 'vitest'
// What a page loads when it first needs it: here it is to take no turns of the event loop.
import '../../../src/client/channel-events.ts'
import '../../../src/client/content.ts'
import '../../../src/client/producer.ts'
import type { ChannelEvent } from '../../../src/client/api.ts'
import type { HubChannel } from '../../../src/client/hub-channel.ts'
import { TabLink } from '../../../src/hub/tab-link.ts'
import { acquireLock } from '../../../src/liveness/locks.ts'
import type { HubPort, TabPort } from '../../../src/protocol/hub-port.ts'
import { tabLock } from '../../../src/protocol/names.ts'
import { PROTOCOL_VERSION } from '../../../src/protocol/version.ts'
import { UnreliableStore } from './unreliable-store.ts'
import { until, World } from './world.ts'

let store: UnreliableStore
let world: World

beforeEach(() => {
  store = new UnreliableStore()
  world = new World(store)
  Object.assign(globalThis, { document: { baseURI: 'http://upstream.test/' } })
})

afterEach(async () => {
  world.upstream.end()
  await world.close()
})

interface Listening {
  tab: ReturnType<World['openTab']>
  channel: HubChannel
  heard: unknown[]
  off: () => void
}

/** A tab that listens to one event of a channel. Ready: it hears of the next one. */
async function listening(event = 'typing', name = 'chat'): Promise<Listening> {
  const tab = world.openTab()
  const channel = tab.channel(name)
  const heard: unknown[] = []
  const off = channel.on(event, ({ data }) => heard.push(data))
  const probe = `ready ${tab.tag}`
  let ready = false
  const leave = channel.on(probe, () => (ready = true))
  await channel.publish(probe)
  await until(() => ready, 'the tab to listen')
  leave()
  return { tab, channel, heard, off }
}

const turns = async (count = 30): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}

it('every listener in every tab hears a published event once, the publisher’s own included; other channels and names do not', async () => {
  const one = await listening()
  const two = await listening()
  const elsewhere = await listening('typing', 'another')
  const other = await listening('gone')
  await one.channel.publish('typing', { by: 'me', letters: ['a', null] })
  await two.channel.publish('typing')
  const all = [{ by: 'me', letters: ['a', null] }, undefined]
  await until(() => one.heard.length === 2 && two.heard.length === 2)
  expect(one.heard).toEqual(all)
  expect(two.heard).toEqual(all)
  expect([...elsewhere.heard, ...other.heard]).toEqual([])
})

it('tabs of another hub hear it too, once', async () => {
  const one = await listening()
  await world.startHub()
  const two = await listening()
  await one.channel.publish('typing', 1)
  await two.channel.publish('typing', 2)
  await until(() => one.heard.length === 2 && two.heard.length === 2)
  await turns()
  expect(one.heard).toEqual([1, 2])
  expect(two.heard).toEqual([1, 2])
})

it('an event whose hub died before it answered is published once more, and heard once', async () => {
  const other = await listening()
  const one = await listening()
  const sink = one.channel.start()
  await sink.write('a')
  // Its place is asked for in a transaction: held after it, the event is on no way yet. Held by a late answer, it is heard already.
  for (const when of ['before', 'after'] as const) {
    const commits = store.calls.length
    const open = store.hold('commit', when)
    const published = one.channel.publish('typing', when)
    await until(() => store.calls.slice(commits).includes('commit'))
    world.killHub()
    open()
    await published
  }
  await until(() => other.heard.length === 2)
  const published = one.channel.publish('typing', 'answered too late')
  await until(() => other.heard.length === 3)
  world.killHub()
  await published
  await turns()
  expect(other.heard).toEqual(['before', 'after', 'answered too late'])
})

it('comes after everything that stood before it in the stream, in a tab that is behind', async () => {
  const { channel: writer } = await listening()
  const sink = writer.start()
  const reader = world.openTab().channel('chat')
  const seen: string[] = []
  reader.on('mark', ({ data, seq }) => seen.push(`${String(data)} at ${seq}: ${reader.text}`))
  void reader.text
  await sink.write('a')
  await until(() => reader.text === 'a')
  // The reader's next chunks have to be read from the store, which takes its time.
  const read = store.hold('readLog')
  await world.startHub()
  const writes = Array.from({ length: 20 }, (_, i) => sink.write(String(i % 10)))
  void writer.publish('mark', 'first')
  await Promise.all(writes)
  await writer.publish('mark', 'second')
  await sink.write('b')
  read()
  await until(() => seen.length === 2)
  const [first, second] = seen
  expect(first).toMatch(/^first at \d+: a/)
  const place = Number(/at (\d+)/.exec(first ?? '')?.[1])
  expect(reader.text.length).toBeGreaterThanOrEqual(place)
  expect(second).toMatch(/^second at 21: a01234567890123456789/)
})

it('does not wait for a stream that was deleted, nor for an older one', async () => {
  const { channel, heard, tab } = await listening()
  const sink = channel.start({ id: 'old' })
  await sink.write('a')
  await sink.close()
  await channel.publish('typing', 1)
  await until(() => heard.length === 1)
  await tab.connection.call((hub) => hub.forget({ streamId: 'old' }))
  await channel.publish('typing', 2)
  await until(() => heard.length === 2)
})

it('hears chunks that have the name of an event, as they come live, once over a hub’s death, and not those of before', async () => {
  const writer = world.openTab().channel('chat')
  const sink = writer.start()
  await sink.write('old', { event: 'token' })
  const { channel, heard } = await listening('token')
  const places: ChannelEvent[] = []
  channel.on('token', (event) => places.push(event))
  void channel.text
  await sink.write('new', { event: 'token' })
  await sink.write('other', { event: 'another' })
  await sink.write('plain')
  await until(() => heard.length === 1)
  world.killHub()
  await sink.write('after', { event: 'token' })
  await until(() => heard.length === 2)
  expect(heard).toEqual(['new', 'after'])
  const next = world.openTab().channel('chat').start()
  await next.write('of the next stream', { event: 'token' })
  await until(() => heard.length === 3)
  expect(places.map(({ streamId, seq }) => [streamId, seq])).toEqual([
    [sink.id, 2],
    [sink.id, 5],
    [next.id, 1],
  ])
})

it('where the newest stream is deleted, hears of the older one what comes from then on, and not what it had', async () => {
  const token = { event: 'token' }
  const writer = world.openTab().channel('chat')
  const sink = writer.start()
  await sink.write('before', token)
  const { channel, heard } = await listening('token')
  await sink.write('live', token)
  await until(() => heard.length === 1)
  const streamId = await writer.open({ url: '/log' })
  await until(() => channel.streamId === streamId)
  // Who comes now has never heard of the older one.
  const late = await listening('token')
  await sink.write('to nobody', token)
  await late.tab.connection.call((hub) => hub.forget({ streamId }))
  await until(() => channel.streamId === sink.id && late.channel.streamId === sink.id)
  await turns()
  await sink.write('live again', token)
  await until(() => late.heard.length > 0 && heard.includes('live again'))
  expect(heard).toEqual(['live', 'live again'])
  expect(late.heard).toEqual(['live again'])
})

it('hears a chunk once where its hub had what followed in memory alone, and died', async () => {
  const token = { event: 'token' }
  const { heard } = await listening('token')
  const sink = world.openTab().channel('chat').start()
  await sink.write('stored', token)
  await until(() => heard.length === 1)
  store.full = true
  await sink.write('lost', token)
  await until(() => heard.length === 2)
  store.full = false
  world.killHub()
  const next = await listening('token')
  await turns()
  expect(next.heard).toEqual([])
  expect(heard).toEqual(['stored', 'lost'])
})

it('a listener that throws hurts nobody, and one that is off hears nothing', async () => {
  const { channel, heard, off } = await listening()
  const thrown: unknown[] = []
  const onError = (error: unknown): void => void thrown.push(error)
  const others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', onError)
  try {
    const more: unknown[] = []
    const abort = new AbortController()
    channel.on(
      'typing',
      () => {
        throw new Error('mine')
      },
      { signal: abort.signal },
    )
    channel.on('typing', ({ data }) => more.push(data))
    await channel.publish('typing', 1)
    await until(() => more.length === 1 && thrown.length === 1)
    expect(heard).toEqual([1])
    abort.abort()
    off()
    await channel.publish('typing', 2)
    await until(() => more.length === 2)
    expect(heard).toEqual([1])
    expect(thrown).toHaveLength(1)
  } finally {
    process.off('uncaughtException', onError)
    for (const listener of others) process.on('uncaughtException', listener)
  }
})

it('refuses what is no event, with a typed error', async () => {
  const { channel } = await listening()
  await expect(channel.publish('', 1)).rejects.toMatchObject({ code: 'bad-message' })
  await expect(channel.publish('x'.repeat(257))).rejects.toMatchObject({ code: 'bad-message' })
  await expect(channel.publish('x', 1n)).rejects.toMatchObject({ code: 'bad-message' })
  await expect(channel.publish('x', 'y'.repeat(70_000))).rejects.toMatchObject({ code: 'too-large' })
})

it('I6: a tab that does not take its events delays no other, and costs a bounded number of them', async () => {
  const good = await listening()
  const link = new MessageChannel()
  const back = new MessageChannel()
  new TabLink(world.hub, link.port1)
  const heard: string[] = []
  let open: () => void = () => undefined
  const gate = new Promise<void>((resolve) => (open = resolve))
  const slow: Pick<TabPort, 'published'> = {
    published: async ({ data }) => {
      await gate
      heard.push(String(data))
    },
  }
  Comlink.expose(slow, back.port1)
  const hub = Comlink.wrap<HubPort>(link.port2)
  const hello = { protocol: PROTOCOL_VERSION, minProtocol: PROTOCOL_VERSION, clientId: 'slow' }
  await acquireLock(world.locks.agent('slow'), tabLock('slow'))
  await hub.hello(hello, Comlink.transfer(back.port2, [back.port2]))
  await hub.listen('chat', true)
  for (let i = 0; i < 400; i++) await good.channel.publish('typing', i)
  await until(() => good.heard.length === 400, 'the tab that keeps up')
  expect(heard).toEqual([])
  open()
  await until(() => heard.at(-1) === '399', 'the other one')
  expect(heard.length).toBeLessThanOrEqual(257)
  for (const port of [link.port2, back.port1]) port.close()
})
