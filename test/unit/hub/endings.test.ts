import { afterEach, beforeEach, expect, it } from 'vitest'
// What a page loads when it first writes: here it is to take no turns of the event loop.
import '../../../src/client/producer.ts'
import type { HubChannel } from '../../../src/client/hub-channel.ts'
import { HeadwaterError } from '../../../src/protocol/errors.ts'
import { until, World } from './world.ts'

let world: World

beforeEach(async () => {
  world = new World()
  Object.assign(globalThis, { document: { baseURI: 'http://upstream.test/' } })
  const hub = await world.startHub()
  hub.notify = '/ended'
})

afterEach(async () => {
  world.upstream.end()
  await world.close()
})

async function live(name: string): Promise<HubChannel> {
  const channel = world.openTab().channel(name)
  await channel.send({ url: '/chat', method: 'POST', body: name })
  await until(() => channel.status === 'streaming')
  return channel
}

it('an ending of upstream’s own is told once, to where the tab said, by the hub that stored it, and in no words of the stream', async () => {
  const follower = await world.startHub()
  follower.notify = '/ended'
  const channel = await live('chat')
  world.upstream.release('a secret')
  world.upstream.end()
  await until(() => channel.done)
  expect(world.notices).toEqual([
    { streamId: channel.streamId, channel: 'chat', ending: { kind: 'done' }, path: '/ended' },
  ])
})

it('is told to where a tab said, also when that one is gone', async () => {
  const tab = world.openTab(undefined, { notify: '/said' })
  const channel = tab.channel('chat')
  await channel.send({ url: '/chat', method: 'POST', body: 'hi' })
  await until(() => channel.status === 'streaming')
  tab.connection.close()
  await until(() => world.hub.tabs.size === 0, 'the tab to leave')
  world.upstream.end()
  await until(() => world.notices.length > 0, 'the notice')
  expect(world.notices.map(({ path }) => path)).toEqual(['/said'])
})

it('the end of what a page writes is told: the one that it gives, and that of a page that is gone', async () => {
  world.openTab()
  const writer = world.openTab()
  const whole = writer.channel('whole').start()
  await whole.write('a')
  await whole.close()
  await writer.channel('lost').start().write('a')
  world.killTab(writer.tag)
  await until(() => world.notices.length > 1, 'both notices')
  expect(world.notices.map(({ channel, ending }) => [channel, ending])).toEqual([
    ['whole', { kind: 'done' }],
    ['lost', { kind: 'error', code: 'producer-lost' }],
  ])
})

it('a refusal is told as the failure that it is', async () => {
  const refuse = (): Promise<never> => Promise.reject(new HeadwaterError('http', 'No.', { status: 400 }))
  Object.assign(world.upstream, { connect: refuse })
  const channel = world.openTab().channel('chat')
  await channel.send({ url: '/chat', method: 'POST', body: '' })
  await until(() => channel.status === 'error')
  expect(world.notices.map(({ ending }) => ending.kind)).toEqual(['error'])
})

it('nobody is told of what a person cancelled, replaced or stopped, nor of a lost connection', async () => {
  world.upstream.resumable = false
  await (await live('cancelled')).cancel()
  await (await live('stopped')).stop()
  await live('replaced')
  const lost = await live('replaced')
  world.upstream.cut()
  await until(() => lost.status === 'disconnected')
  const rows = await world.store.rows()
  expect(rows.filter(({ ending }) => ending?.kind === 'cancelled')).toHaveLength(2)
  expect(world.notices).toEqual([])
})
