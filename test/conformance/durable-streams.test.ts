import { mkdtemp, rm } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAdaptorServer } from '@hono/node-server'
import { runConformanceTests } from '@durable-streams/server-conformance-tests'
import { afterAll, beforeAll, describe } from 'vitest'
import { createStreamHandler } from '../../src/server/handler.ts'
import { EmbeddedStreamStore } from '../../src/server/stores/embedded.ts'
import { MemoryStreamStore } from '../../src/server/stores/memory.ts'
import type { StreamStore } from '../../src/server/stream-store.ts'

const LONG_POLL_MS = 500

function conform(label: string, openStore: () => Promise<{ store: StreamStore; dispose: () => Promise<void> }>): void {
  // The suite sleeps for real, with half a second to spare until a stream expires; on a machine that stalls for longer, a case may try again.
  describe(label, { retry: 2 }, () => {
    // The suite reads `baseUrl` when a test runs, so it may be filled in by then.
    const options = { baseUrl: '', longPollTimeoutMs: LONG_POLL_MS, subscriptions: false }
    let close = async (): Promise<void> => {}

    beforeAll(async () => {
      const { store, dispose } = await openStore()
      const handler = createStreamHandler({ store, longPollMs: LONG_POLL_MS })
      const server = createAdaptorServer({ fetch: handler.fetch, overrideGlobalObjects: false }) as Server
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      options.baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      close = async () => {
        await handler.close()
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
        await store.close()
        await dispose()
      }
    })
    afterAll(() => close())

    runConformanceTests(options)
  })
}

conform('on the memory store', () =>
  Promise.resolve({ store: new MemoryStreamStore(), dispose: () => Promise.resolve() }),
)

conform('on the embedded store', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-conformance-'))
  return {
    store: new EmbeddedStreamStore({ folder }),
    dispose: () => rm(folder, { recursive: true, force: true }),
  }
})
