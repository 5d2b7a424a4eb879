import '../../../src/client/content.ts'
import '../../../src/client/log-reader.ts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { beyondLimit, oversizedOf, roomOf, surplusOf } from '../../../src/hub/retention.ts'
import { newRow } from '../../../src/hub/row.ts'
import type { Gap } from '../../../src/protocol/chunk.ts'
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

describe('a stream that is not finished', () => {
  const upload = { url: 'http://server.test/', contentType: null, credentials: false, lease: 60 }
  const produced = newRow({ streamId: 'up', channel: 'c', source: null, producer: 'p', dialect: null, upload }, 1)

  it.each<[string, StreamRow]>([
    ['live', row('live', { ending: null })],
    ['ended, and not yet all on its server', { ...produced, ending: { kind: 'done' }, size: 10 }],
  ])('is not touched by any limit: %s', (_, unfinished) => {
    const limits = { count: 0, bytes: 0, ageMs: 0 }
    const newest = row('newest', { size: 0, retention: limits })
    expect(surplusOf([unfinished, newest], 1_000)).toEqual([])
    expect(beyondLimit([unfinished, newest], 0)).toEqual([])
    expect(roomOf([unfinished, newest], 1_000)).toEqual([])
    expect(oversizedOf([{ ...unfinished, retention: limits }])).toBeNull()
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

  it('fault 11: a reader whose place is deleted when a limit passes gets a gap, then the rest, and does not hang', async () => {
    const tab = world.openTab()
    const channel = tab.channel('feed', { retention: { bytes: 1_000_000 } })
    const large = 'x'.repeat(400_000)
    world.upstream.release('a', 'b', large, large, large, 'z')
    const first = await channel.open('/log')
    await until(() => channel.seq === 6)
    const gaps: Gap[] = []
    const reading = channel.read({ streamId: first, onGap: (gap) => gaps.push(gap) })[Symbol.asyncIterator]()
    expect((await reading.next()).value).toMatchObject({ seq: 1 })
    // Once it has ended, it is larger than its channel may be.
    world.upstream.end()
    await until(async () => ((await world.store.row(first))?.firstSeq ?? 1) > 1, 'its start to be deleted')
    expect(await world.store.row(first)).toMatchObject({ firstSeq: 4, seq: 6, size: 800_001 })
    // A hub that has nothing in memory.
    world.killHub()
    const late: number[] = []
    const lateGaps: Gap[] = []
    for await (const { seq } of world
      .openTab()
      .channel('feed')
      .read({ onGap: (gap) => lateGaps.push(gap) }))
      late.push(seq)
    expect(late).toEqual([4, 5, 6])
    expect(lateGaps).toEqual([{ fromSeq: 1, toSeq: 3, reason: 'retention' }])
    const rest: number[] = []
    for (let next = await reading.next(); next.done !== true; next = await reading.next()) rest.push(next.value.seq)
    // Every seq came, or is told to be missing.
    const missing = gaps.reduce((sum, { fromSeq, toSeq }) => sum + toSeq - fromSeq + 1, 0)
    expect(rest.length + missing).toBe(5)
    expect(rest.slice(-3)).toEqual([4, 5, 6])
  })

  it('runs by the clock, too: what is too old goes although nothing starts or ends', async () => {
    const tab = world.openTab()
    const channel = tab.channel('feed', { retention: { ageMs: 3_600_000 } })
    world.upstream.end()
    const first = await channel.open('/log')
    await until(() => channel.done)
    const second = await channel.retry()
    await until(() => channel.streamId === second && channel.done)
    expect(await channel.history()).toHaveLength(2)
    for (let minutes = 0; minutes < 90; minutes += 5) {
      world.clock.advance(5 * 60_000)
      await until(() => true)
    }
    await until(async () => (await channel.history()).every(({ streamId }) => streamId !== first), 'the first to go')
    expect(await channel.history()).toHaveLength(1)
  })
})

describe('the limit that an application sets', () => {
  let world: World

  beforeEach(() => {
    world = new World()
    Object.assign(globalThis, { document: { baseURI: 'http://upstream.test/' } })
  })
  afterEach(() => world.close())

  it('holds at once, in every tab, until another one is set', async () => {
    const tab = world.openTab()
    const limit = async (): Promise<number> => (await tab.connection.call((hub) => hub.storage())).limit
    expect(await limit()).toBe(256 * 1024 * 1024)
    const channel = tab.channel('feed', { retention: { count: 10 } })
    const kept = tab.channel('chat')
    world.upstream.release('12345')
    world.upstream.end()
    await kept.send('/log')
    for (let run = 0; run < 3; run++) {
      const id = await channel.send('/log')
      await until(() => channel.streamId === id && channel.done)
    }
    expect(await channel.history()).toHaveLength(3)
    world.openTab(undefined, { storageLimit: 12 })
    await until(async () => (await channel.history()).length === 2, 'the oldest to go')
    expect(await limit()).toBe(12)
    world.openTab(undefined, { storageLimit: 0 })
    await until(async () => (await channel.history()).length === 1, 'all to go but the newest')
    expect(await kept.history()).toHaveLength(1)
  })
})

describe('the limit of the origin', () => {
  it('takes the oldest ended streams of channels with limits, over all of them, and nothing that is kept', () => {
    const rows = [
      row('chat', { channel: 'chat', size: 1_000, updatedAt: 1 }),
      row('a1', { channel: 'a', updatedAt: 2 }),
      row('b1', { channel: 'b', updatedAt: 1 }),
      row('a2', { channel: 'a', updatedAt: 3, ending: null }),
      row('a3', { channel: 'a', updatedAt: 4, retention: { count: 9 } }),
      row('b2', { channel: 'b', updatedAt: 5, retention: { count: 9 } }),
    ]
    expect(names(beyondLimit(rows, 40))).toEqual([])
    expect(names(beyondLimit(rows, 30))).toEqual(['b1'])
    expect(names(beyondLimit(rows, 0))).toEqual(['b1', 'a1'])
    expect(names(roomOf(rows, 5))).toEqual(['b1'])
  })
})
