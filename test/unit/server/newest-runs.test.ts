import { beforeEach, describe, expect, it } from 'vitest'
import { NewestRuns } from '../../../src/server/channels/newest-runs.ts'
import { MemoryStreamStore } from '../../../src/server/stores/memory.ts'
import type { StreamInfo } from '../../../src/server/stream-store.ts'

const TEXT = { contentType: 'text/plain' }

class CountingStore extends MemoryStreamStore {
  lists = 0
  /** Called in the middle of a list, once. */
  meanwhile: (() => Promise<unknown>) | null = null

  override async runs(channel: string): Promise<readonly StreamInfo[]> {
    this.lists += 1
    const runs = await super.runs(channel)
    const { meanwhile } = this
    this.meanwhile = null
    await meanwhile?.()
    return runs
  }
}

let time: number
let store: CountingStore
let newest: NewestRuns

beforeEach(() => {
  time = 1_000
  store = new CountingStore({ now: () => time })
  newest = new NewestRuns(store)
})

const runOf = async (channel: string): Promise<string | undefined> => (await newest.of(channel))?.name.run

describe('the newest run of a channel', () => {
  it('is found once, and is as it is now', async () => {
    expect(await newest.of('c')).toBe(null)
    await store.create({ channel: 'c', run: '1' }, TEXT)
    await newest.of('c')
    const { lists } = store
    await store.append({ channel: 'c', run: '1' }, { contentType: 'text/plain', records: [new Uint8Array(3)] })
    await store.create({ channel: 'other', run: '9' }, TEXT)
    expect((await newest.of('c'))?.tail).toEqual({ record: 1, byte: 3 })
    expect(store.lists).toBe(lists)
  })

  it('is another one when one is created, deleted or expires', async () => {
    await store.create({ channel: 'c', run: '1' }, TEXT)
    expect(await runOf('c')).toBe('1')
    await store.create({ channel: 'c', run: '2' }, TEXT)
    expect(await runOf('c')).toBe('2')
    await store.create({ channel: 'c', run: '3' }, { ...TEXT, ttlSeconds: 1 })
    expect(await runOf('c')).toBe('3')
    // Nobody has swept yet.
    time += 1_001
    expect(await runOf('c')).toBe('2')
    await store.remove({ channel: 'c', run: '2' })
    expect(await runOf('c')).toBe('1')
  })

  it('is not the one before, where one is created while it is looked for', async () => {
    await store.create({ channel: 'c', run: '1' }, TEXT)
    store.meanwhile = () => store.create({ channel: 'c', run: '2' }, TEXT)
    await newest.of('c')
    expect(await runOf('c')).toBe('2')
  })
})
