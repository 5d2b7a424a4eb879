import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
