import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { asBinary, open } from 'lmdb'
import { expect, it } from 'vitest'
import { EmbeddedStreamStore } from '../../../src/server/stores/embedded.ts'
import { MemoryStreamStore } from '../../../src/server/stores/memory.ts'
import { runStoreContract } from './store-contract.ts'

function clock(): { now: () => number; advance: (ms: number) => void } {
  let time = 1_000_000
  return { now: () => time, advance: (ms) => void (time += ms) }
}

runStoreContract('MemoryStreamStore', () => {
  const { now, advance } = clock()
  return Promise.resolve({ store: new MemoryStreamStore({ now }), advance, dispose: () => Promise.resolve() })
})

runStoreContract('EmbeddedStreamStore', async () => {
  const { now, advance } = clock()
  const folder = await mkdtemp(join(tmpdir(), 'headwater-store-'))
  return {
    store: new EmbeddedStreamStore({ folder, now }),
    advance,
    dispose: () => rm(folder, { recursive: true, force: true }),
  }
})

it('finds everything again when the embedded store is opened anew', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-store-'))
  const name = { channel: 'ä/b', run: 'ü' }
  const record = new Uint8Array(70_000).map((_, index) => index % 251)
  const first = new EmbeddedStreamStore({ folder })
  await first.create(name, { contentType: 'application/octet-stream' })
  await first.append(name, {
    contentType: 'application/octet-stream',
    records: [record],
    producer: { id: 'p', epoch: 3, seq: 0 },
    ending: { kind: 'cancelled' },
  })
  await first.create({ channel: 'chat', run: 'r' }, { contentType: 'text/plain', writer: 'process-1' })
  await first.close()

  const second = new EmbeddedStreamStore({ folder })
  const page = await second.read(name, 'start', 1e6)
  expect(page.kind === 'page' && [page.info.ending, page.records]).toEqual([{ kind: 'cancelled' }, [record]])
  const again = await second.append(name, {
    contentType: 'application/octet-stream',
    records: [record],
    producer: { id: 'p', epoch: 3, seq: 0 },
  })
  expect(again.kind).toBe('duplicate')
  expect((await second.unfinishedRuns()).map((info) => info.name.channel)).toEqual(['chat'])
  await second.create({ channel: 'ä/b', run: 'later' }, { contentType: 'text/plain' })
  expect((await second.runs('ä/b')).map((info) => info.name.run)).toEqual(['later', 'ü'])
  await second.close()
  await rm(folder, { recursive: true, force: true })
})

it('lists a run as unfinished again once its row can be read again', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-store-'))
  const store = new EmbeddedStreamStore({ folder })
  await store.create({ channel: 'chat', run: 'r' }, { contentType: 'text/plain', writer: 'process-1' })
  const unfinished = async (): Promise<string[]> => (await store.unfinishedRuns()).map((info) => info.name.run)
  expect(await unfinished()).toEqual(['r'])
  const root = open({ path: folder, maxDbs: 8, noSubdir: false })
  const rows = root.openDB<Buffer, number>({ name: 'rows-1', encoding: 'binary', keyEncoding: 'ordered-binary' })
  const row = Buffer.from(rows.get(1) ?? '')
  // What another handle wrote is seen with the next snapshot of the database.
  await rows.put(1, asBinary(Buffer.from('{')) as unknown as Buffer)
  await expect.poll(unfinished).toEqual([])
  await rows.put(1, asBinary(row) as unknown as Buffer)
  await expect.poll(unfinished).toEqual(['r'])
  await root.close()
  await store.close()
  await rm(folder, { recursive: true, force: true })
})

it('lets others have their turn while it lists many streams, and stops where it is closed meanwhile', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-store-'))
  const store = new EmbeddedStreamStore({ folder })
  const names = Array.from({ length: 2_000 }, (_, i) => ({ channel: `c${i >> 1}`, run: `r${i}` }))
  await Promise.all(names.map((name) => store.create(name, { contentType: 'text/plain', writer: 'w' })))
  const lists = [() => store.channels(), () => store.unfinishedRuns(), () => store.sweep()]
  for (const list of lists) {
    let turns = 0
    let over = false
    const count = (): void => {
      turns += 1
      if (!over) setImmediate(count)
    }
    setImmediate(count)
    await list()
    over = true
    expect(turns).toBeGreaterThan(1)
  }
  expect(await store.channels()).toHaveLength(1_000)
  expect((await store.runs('c7')).map((info) => info.name.run)).toEqual(['r15', 'r14'])
  expect(await store.unfinishedRuns()).toHaveLength(2_000)
  const listing = store.channels()
  await store.close()
  await expect(listing).rejects.toThrow('closed')
  await rm(folder, { recursive: true, force: true })
})
