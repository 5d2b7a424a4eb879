import { beforeEach, describe, expect, it } from 'vitest'
import { ReadWindow } from '../../../src/hub/read-window.ts'
import { newRow } from '../../../src/hub/row.ts'
import { packChunks, unpackChunks } from '../../../src/protocol/packed-chunks.ts'
import type { LogStore } from '../../../src/store/log-store.ts'
import { MemoryLogStore } from '../../../src/store/memory-store.ts'
import { source } from './world.ts'

const COUNT = 100_000
let store: LogStore
let reads: number[]
/** Reads from here on fail. */
let failFrom: number
/** Most chunks of a read, whatever is asked for. */
let limit: number
/** Reads are as from a disk. */
let fresh: boolean

beforeEach(async () => {
  const memory = new MemoryLogStore()
  reads = []
  failFrom = Infinity
  fresh = true
  limit = Infinity
  store = new Proxy(memory, {
    get: (target, key) => {
      if (key === 'readLog') {
        return async (...args: Parameters<LogStore['readLog']>) => {
          reads.push(args[1])
          if (args[1] >= failFrom) throw new Error('not now')
          const [id, from, limits] = args
          const maxChunks = Math.min(limit, limits?.maxChunks ?? Infinity)
          const read = await target.readLog(id, from, { ...limits, maxChunks })
          return read && fresh ? { ...read, fresh: true } : read
        }
      }
      const value: unknown = Reflect.get(target, key)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
  const row = { ...newRow({ streamId: 's', channel: 'c', source: source() }, 1), seq: COUNT }
  const chunks = Array.from({ length: COUNT }, (_, i) => ({ time: 0, data: `${i + 1} ` }))
  await memory.commit([{ streamId: 's', decide: () => ({ row, packs: packChunks(chunks, 1) }) }])
})

/** How many batches the last {@link readAll} was given after its first. */
let batches = 0

/** Reads as a cursor does, from `next` to the end. */
async function readAll(window: ReadWindow, next = 1): Promise<string> {
  let text = ''
  for (batches = 0; ; batches++) {
    const read = await window.read(next, false)
    if (read === null) throw new Error('The stream is gone.')
    expect(read.run.fromSeq).toBe(next)
    expect(read.run.gaps).toEqual([])
    for (const pack of read.run.packs) for (const chunk of unpackChunks(pack)) text += String(chunk.data)
    next = read.run.toSeq
    if (next > COUNT) return text
  }
}

const truth = (from = 1): string => Array.from({ length: COUNT - from + 1 }, (_, i) => `${i + from} `).join('')

describe('ReadWindow', () => {
  it('reads a log whole, as much as a batch holds at a time', async () => {
    expect(await readAll(new ReadWindow(store, 's'))).toBe(truth())
    expect(reads).toEqual([1, 80_001])
    expect(batches).toBe(2)
  })

  it('reads again where reading ahead failed', async () => {
    const window = new ReadWindow(store, 's')
    failFrom = 1
    await expect(window.read(1, false)).rejects.toThrow('not now')
    failFrom = 2
    const { toSeq = 0 } = (await window.read(1, false))?.run ?? {}
    await expect(readAll(window, toSeq)).rejects.toThrow('not now')
    failFrom = Infinity
    expect(await readAll(window, toSeq)).toBe(truth(toSeq))
  })

  it('begins in the middle, and goes back for a cursor that is further behind', async () => {
    const window = new ReadWindow(store, 's')
    expect(await readAll(window, 12_345)).toBe(truth(12_345))
    await window.read(30_000, false)
    expect(await readAll(window)).toBe(truth())
  })

  it('serves two cursors that catch up together with the reads of one', async () => {
    const window = new ReadWindow(store, 's')
    const alone = new ReadWindow(store, 's')
    await readAll(alone)
    const one = reads.length
    reads = []
    let a = 1
    let b = 1
    while (a <= COUNT || b <= COUNT) {
      if (a <= COUNT) a = (await window.read(a, false))?.run.toSeq ?? Infinity
      if (b <= COUNT && a <= COUNT) b = (await window.read(b, false))?.run.toSeq ?? Infinity
      if (a > COUNT) break
    }
    expect(reads.length).toBeLessThanOrEqual(one + 1)
  })

  it('gives a window away to who is alone with it, and to nobody who is not', async () => {
    const some = async (window: ReadWindow, alone: boolean): Promise<boolean | undefined> =>
      (await window.read(90_001, alone))?.own
    const window = new ReadWindow(store, 's')
    expect(await some(window, true)).toBe(true)
    expect(await some(window, false)).toBe(false)
    expect(await Promise.all([some(window, true), some(window, true)])).toEqual([false, false])
    fresh = false
    expect(await some(window, true), 'what the store holds, too').toBe(false)
    fresh = true
    // More than a batch is given in parts, of which the second is of the same read.
    expect((await window.read(1, true))?.own).toBe(false)
  })

  it('gives no window away of which somebody, such as an uploader, holds a part already', async () => {
    // Ends before the log does, so that it is kept, and is whole in one batch.
    limit = 50_000
    const window = new ReadWindow(store, 's')
    const held = await window.read(1, false)
    const next = await window.read(1, true)
    expect(next?.own).toBe(false)
    expect(next?.run.packs[0]).toBe(held?.run.packs[0])
    // Two wait for the same read ahead, and the first of them has gone before the second is served.
    const [first, second] = await Promise.all([window.read(50_001, true), window.read(50_001, true)])
    expect([first?.own, second?.own]).toEqual([false, false])
  })

  it('knows nothing of a stream that was deleted', async () => {
    const window = new ReadWindow(store, 's')
    await store.remove(['s'])
    expect(await window.read(1, false)).toBeNull()
  })
})
