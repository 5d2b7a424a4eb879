import { Hono } from 'hono'
import { refuse, Refusal } from './answers.ts'
import { routeStream } from './durable-streams/route.ts'
import { HEARTBEAT_MS, MAX_APPEND_BYTES, SSE_LIFE_MS } from './limits.ts'
import { DEFAULT_LONG_POLL_MS } from './config.ts'
import { LiveReaders } from './live-readers.ts'
import type { Action, Authorize, ServerContext } from './server-context.ts'
import { streamPath, STREAM_PREFIX } from './stream-path.ts'
import type { StreamName, StreamStore } from './stream-store.ts'

export interface StreamHandlerOptions {
  store: StreamStore
  authorize?: Authorize
  longPollMs?: number
  heartbeatMs?: number
  sseLifeMs?: number
  maxAppendBytes?: number
  now?: () => number
}

export interface StreamHandler {
  fetch(request: Request): Promise<Response>
  close(): Promise<void>
}

export function createStreamHandler(options: StreamHandlerOptions): StreamHandler {
  const shutdown = new AbortController()
  const context: ServerContext = {
    store: options.store,
    readers: new LiveReaders(),
    counters: { requests: 0, appends: 0, appendedBytes: 0 },
    authorize: authorizer(options.authorize),
    longPollMs: options.longPollMs ?? DEFAULT_LONG_POLL_MS,
    heartbeatMs: options.heartbeatMs ?? HEARTBEAT_MS,
    sseLifeMs: options.sseLifeMs ?? SSE_LIFE_MS,
    maxAppendBytes: options.maxAppendBytes ?? MAX_APPEND_BYTES,
    now: options.now ?? Date.now,
    shutdown: shutdown.signal,
  }
  const app = new Hono()
  app.all('/v1/stream/*', (c) => routeStream(context, c.req.raw))
  app.notFound((c) => refuse(404, 'not-found', `There is nothing at ${new URL(c.req.url).pathname}.`))
  app.onError((error) => {
    if (error instanceof Refusal) return error.toResponse()
    console.error(error)
    return refuse(500, 'internal', 'The server failed; its log says why.')
  })
  return {
    fetch: async (request) => app.fetch(request),
    close: async () => shutdown.abort(),
  }
}

function authorizer(authorize: Authorize | undefined): ServerContext['authorize'] {
  return async (request: Request, action: Action, stream: StreamName | string) => {
    if (authorize === undefined) return
    const path = typeof stream === 'string' ? stream : streamPath(stream).slice(STREAM_PREFIX.length)
    let allowed: boolean | void
    try {
      allowed = await authorize(request, { action, stream: path })
    } catch {
      allowed = false
    }
    if (allowed === false) throw new Refusal(403, 'forbidden', `You may not ${action} this.`)
  }
}
