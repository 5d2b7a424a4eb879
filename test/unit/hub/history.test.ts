import { afterEach, beforeEach, expect, it } from 'vitest'
import { allStreams } from '../../../src/app/lib/all-streams.ts'
import type { HubChannel } from '../../../src/client/hub-channel.ts'
import type { StreamInfo } from '../../../src/protocol/snapshot.ts'
import { newRow } from '../../browser/store/sample-rows.ts'
import { World } from './world.ts'

const COUNT = 2_500

let world: World
let channel: HubChannel

beforeEach(async () => {
  world = new World()
  Object.assign(globalThis, { document: { baseURI: 'http://upstream.test/' } })
  const rows = Array.from({ length: COUNT }, (_, i) =>
    newRow(`s${i}`, { createdAt: i + 1, sent: true, ending: { kind: 'done' }, status: 'done', retention: 'keep' }),
  )
  await world.store.openChannel('build', () => rows)
  channel = world.openTab().channel('build')
})

afterEach(() => world.close())

const ids = (streams: readonly StreamInfo[]): string[] => streams.map(({ streamId }) => streamId)

it('has the newest thousand streams of a channel, and those before one of them', async () => {
  const newest = ids(await channel.history())
  expect([newest.length, newest[0], newest.at(-1)]).toEqual([1_000, 's1500', 's2499'])
  expect(ids(await channel.history({ limit: 2, before: 's1500' }))).toEqual(['s1498', 's1499'])
  expect(ids(await channel.history({ limit: 5, before: 's2' }))).toEqual(['s0', 's1'])
  expect(await channel.history({ before: 's0' })).toEqual([])
  expect(ids(await channel.history({ limit: 1 }))).toEqual(['s2499'])
})

it('refuses a page that is none, and one before a stream that is not there any more', async () => {
  await expect(channel.history({ before: 'never' })).rejects.toMatchObject({ code: 'unknown-stream', data: 'never' })
  for (const limit of [0, 1.5, 1_001, Infinity]) {
    await expect(channel.history({ limit })).rejects.toMatchObject({ code: 'bad-message' })
  }
})

it('leads through the whole of a long conversation, each stream once', async () => {
  expect(ids(await allStreams(channel))).toEqual(Array.from({ length: COUNT }, (_, i) => `s${i}`))
  expect(await allStreams(world.openTab().channel('empty'))).toEqual([])
})

it('takes the answer of a hub of an earlier release, which knows no pages, as the whole', async () => {
  const all = await channel.history()
  expect(await allStreams({ history: () => Promise.resolve(all) })).toEqual(all)
})
