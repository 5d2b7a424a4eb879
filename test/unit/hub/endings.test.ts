import { afterEach, beforeEach, expect, it } from 'vitest'
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
