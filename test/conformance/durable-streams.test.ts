import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EmbeddedStreamStore } from '../../src/server/stores/embedded.ts'
import { MemoryStreamStore } from '../../src/server/stores/memory.ts'
import { conform } from './conform.ts'

conform('on the memory store', 'fetch', () =>
  Promise.resolve({ store: new MemoryStreamStore(), dispose: () => Promise.resolve() }),
)

conform('on the embedded store', 'socket', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-conformance-'))
  return {
    store: new EmbeddedStreamStore({ folder }),
    dispose: () => rm(folder, { recursive: true, force: true }),
  }
})
