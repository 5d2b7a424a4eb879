import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { runConformanceTests } from '@durable-streams/server-conformance-tests'
import { afterAll, beforeAll, describe } from 'vitest'
import { createAnswerer, createStreamHandler } from '../../src/server/handler.ts'
import { listenWith } from '../../src/server/node-answer.ts'
import type { StreamStore } from '../../src/server/stream-store.ts'

const LONG_POLL_MS = 500

/**
 * Runs the public conformance suite of Durable Streams on a store: by the standard `fetch`, as any runtime has it, or as Node's own server does,
 * which writes answers to the socket.
 */
export function conform(
  label: string,
  by: 'fetch' | 'socket',
  openStore: () => Promise<{ store: StreamStore; dispose: () => Promise<void> }>,
): void {
  // The suite sleeps for real, with half a second to spare until a stream expires; on a machine that stalls for longer, a case may try again, and take its time.
  describe(label, { retry: 2, timeout: 30_000 }, () => {
    // The suite reads `baseUrl` when a test runs, so it may be filled in by then.
    const options = { baseUrl: '', longPollTimeoutMs: LONG_POLL_MS, subscriptions: false }
    let close = async (): Promise<void> => {}

    beforeAll(async () => {
      const { store, dispose } = await openStore()
      const { server, handler } = serve(store, by)
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

function serve(store: StreamStore, by: 'fetch' | 'socket'): { server: Server; handler: { close(): Promise<void> } } {
  const options = { store, longPollMs: LONG_POLL_MS }
  if (by === 'socket') {
    const handler = createAnswerer(options)
    return { server: createServer(listenWith(handler.answer)), handler }
  }
  const handler = createStreamHandler(options)
  return { server: createAdaptorServer({ fetch: handler.fetch, overrideGlobalObjects: false }) as Server, handler }
}
