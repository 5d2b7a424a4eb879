import { createStreamHandler, type StreamHandlerOptions } from '../../../src/server/handler.ts'
import { MemoryStreamStore } from '../../../src/server/stores/memory.ts'
import type { LogStore } from '../../../src/store/log-store.ts'
import { createAppendUpstream, type AppendUpstream } from '../../../src/upstream/append-upstream.ts'
import { World } from './world.ts'

const ORIGIN = 'http://upstream.test'
/** Where streams go in these tests. */
export const PATH = '/v1/stream/notes/1'

/** What a request meets on its way: it does not arrive; it arrives, and its answer does not; or it gets through. */
export type Fate = 'lost' | 'unanswered' | 'through'

/** Hubs that upload to the real server, over a network that fails as told. */
export class UploadWorld extends World {
  readonly serverStore = new MemoryStreamStore({ now: () => this.clock.now() })
  readonly requests: string[] = []
  /** What happens to the next request. */
  fate: (method: string) => Fate = () => 'through'
  /** While set, requests wait for it before they arrive. */
  slow: Promise<void> | null = null
  readonly handler

  constructor(store?: LogStore, authorize?: StreamHandlerOptions['authorize']) {
    super(store)
    this.handler = createStreamHandler({
      store: this.serverStore,
      now: () => this.clock.now(),
      ...(authorize && { authorize }),
    })
  }

  protected override appendOf(): AppendUpstream {
    return createAppendUpstream({
      now: () => this.clock.now(),
      delay: (ms, signal) => this.clock.delay(ms, signal),
      fetch: async (url, init) => {
        const request = new Request(url, init)
        this.requests.push(`${request.method} ${request.headers.get('producer-seq') ?? ''}`.trim())
        await this.slow
        const fate = this.fate(request.method)
        if (fate === 'lost') throw new TypeError('The network is away.')
        const answer = await this.handler.fetch(request)
        if (fate === 'unanswered') throw new TypeError('The answer was lost.')
        return answer
      },
    })
  }

  server(method: string, headers: Record<string, string> = {}, body?: string, path = PATH): Promise<Response> {
    return this.handler.fetch(new Request(ORIGIN + path, { method, headers, ...(body !== undefined && { body }) }))
  }

  /** What the server has. */
  async bytes(path = PATH): Promise<Uint8Array> {
    const pages: Uint8Array[] = []
    for (let offset = '-1', isLast = false; !isLast;) {
      const answer = await this.server('GET', {}, undefined, `${path}?offset=${offset}`)
      if (!answer.ok) break
      pages.push(new Uint8Array(await answer.arrayBuffer()))
      offset = answer.headers.get('stream-next-offset') ?? offset
      isLast = answer.headers.get('stream-up-to-date') === 'true'
    }
    return new Uint8Array(Buffer.concat(pages))
  }

  async text(path = PATH): Promise<string> {
    return new TextDecoder().decode(await this.bytes(path))
  }

  /** How the server's stream ended; `null` while it is open, or not there. */
  async ending(path = PATH): Promise<unknown> {
    const { headers } = await this.server('HEAD', {}, undefined, path)
    if (headers.get('stream-closed') !== 'true') return null
    return JSON.parse(headers.get('stream-ending') ?? '{"kind":"done"}') as unknown
  }

  /** The reading side wants no more. */
  cancelOnServer(): Promise<Response> {
    return this.server('POST', {}, undefined, '/v1/channels/notes/cancel')
  }
}
