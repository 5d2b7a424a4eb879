import '../../../src/client/content.ts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { surplusOf } from '../../../src/hub/retention.ts'
import { newRow } from '../../../src/hub/row.ts'
import type { StreamRow } from '../../../src/store/log-store.ts'
import { source, until, World } from './world.ts'

const row = (streamId: string, change: Partial<StreamRow>): StreamRow => ({
  ...newRow({ streamId, channel: 'c', source: source() }, 1),
  ending: { kind: 'done' },
  size: 10,
  ...change,
})

const names = (rows: readonly StreamRow[]): string[] => rows.map(({ streamId }) => streamId)

describe('surplusOf', () => {
  it('keeps everything where nobody set a limit', () => {
    expect(surplusOf([row('a', {}), row('b', {})], 1)).toEqual([])
    expect(surplusOf([row('a', {}), row('b', { retention: 'keep' })], 1)).toEqual([])
  })

  it('lets the oldest go, by count, size and age, as the newest says', () => {
    const rows = (retention: StreamRow['retention']): StreamRow[] => [
      row('a', { updatedAt: 100, retention: { count: 1 } }),
      row('b', { updatedAt: 200 }),
      row('c', { updatedAt: 300, retention }),
    ]
    expect(names(surplusOf(rows({ count: 2 }), 400))).toEqual(['a'])
    expect(names(surplusOf(rows({ bytes: 15 }), 400))).toEqual(['a', 'b'])
    expect(names(surplusOf(rows({ ageMs: 250 }), 400))).toEqual(['a'])
  })

  it('never lets one go that is not ended, nor the newest', () => {
    const rows = [row('a', { ending: null }), row('b', {}), row('c', { retention: { count: 0, bytes: 0 } })]
    expect(names(surplusOf(rows, 1))).toEqual(['b'])
  })
})

describe('retention', () => {
  let world: World

  beforeEach(() => {
    world = new World()
    Object.assign(globalThis, { document: { baseURI: 'http://upstream.test/' } })
  })
  afterEach(() => world.close())

  it('deletes old runs when a new one starts, and tells the views of them', async () => {
    const tab = world.openTab()
    const channel = tab.channel('feed', { retention: { count: 2 } })
    world.upstream.release('a')
    world.upstream.end()
    const first = await channel.open('/log')
    await until(() => channel.done)
    const view = channel.stream(first)
    await until(() => view.state.streamId === first)
    await channel.retry()
    await until(() => channel.done)
    expect(await channel.history()).toHaveLength(2)
    const third = await channel.retry()
    await until(async () => (await channel.history()).length === 2, 'the first run to be deleted')
    expect((await channel.history()).map(({ streamId }) => streamId)).toContain(third)
    await until(() => view.state.failure?.code === 'unknown-stream', 'the view of the first run to hear of it')
  })
})
