import { Hono } from 'hono'
import { nanoid } from 'nanoid'
import { closing, refusalCode, refuse, Refusal, SECURITY_HEADERS } from './answers.ts'
import { NewestRuns } from './channels/newest-runs.ts'
import { SharedRuns } from './channels/shared-runs.ts'
import { addChannelRoutes } from './channels/routes.ts'
import { addChatRoutes } from './chat/routes.ts'
import { createCors } from './cors.ts'
import { routeStream } from './durable-streams/route.ts'
import { Figures } from './figures.ts'
import { addHealthRoute } from './health.ts'
import { LiveStreams } from './live/live-streams.ts'
import {
  CLOSE_MS,
  HEARTBEAT_MS,
  LONG_POLL_MS,
  MAX_APPEND_BYTES,
  MAX_EVENT_BYTES,
  PAGE_BYTES,
  PAGE_CACHE_BYTES,
  SSE_LIFE_MS,
  STALL_MS,
} from './limits.ts'
import { Shutdown } from './lifetime.ts'
import { Leases } from './leases.ts'
import { LiveReaders } from './live-readers.ts'
import { metricsText } from './metrics.ts'
import type { Gauge } from './metrics.ts'
import { PageCache } from './page-cache.ts'
import { toResponse } from './plain-answer.ts'
import type { Answer } from './plain-answer.ts'
import { addressOf, toRequest } from './plain-request.ts'
import type { PlainRequest } from './plain-request.ts'
import type { OfferedModel } from './models/model-info.ts'
import { serverChannel } from './producers/server-channel.ts'
import type { ServerChannel } from './producers/server-channel.ts'
import { Writers } from './producers/writers.ts'
import type { Action, Authorize, HandedPage, ServerContext } from './server-context.ts'
import { offerSocket, withOffer } from './socket/offer-socket.ts'
import type { OpenSocket, SocketReceiver } from './socket/open-socket.ts'
import type { SocketOptions } from './socket/socket-options.ts'
import { SocketServer } from './socket/socket-server.ts'
import { DamagedError } from './stores/stored-values.ts'
import { within } from './within.ts'
import { streamPath, STREAM_PREFIX } from './stream-path.ts'
import type { StreamName, StreamStore } from './stream-store.ts'

export interface StreamHandlerOptions {
  /** Where streams are kept. The handler does not close it. */
  store: StreamStore
  /** Models for `/v1/chat`; the first is the default. Default: none. */
  models?: readonly OfferedModel[]
  /**
   * Whether a run of a model outlives the answer to the request that started it, so that it can be continued from anywhere and only a cancel ends it. With `false`
   * whoever closes that answer (the stop button of the AI SDK does, and so does a reload) cancels the run, and `GET /v1/chat/:id/stream` without a run
   * finds nothing. Default: true.
   */
  resumable?: boolean
  /** Default: everything is allowed; whoever serves the handler guards it. */
  authorize?: Authorize
  /** Milliseconds that a long-poll waits. Default: 30,000. */
  longPollMs?: number
  /** Milliseconds between two comments on a silent SSE connection. Default: 15,000. */
  heartbeatMs?: number
  /** Milliseconds after which an SSE read of Durable Streams is ended, to be opened anew. Default: 60,000. */
  sseLifeMs?: number
  /** Milliseconds after which a reader by SSE that takes nothing is cut; it goes on from its offset. Default: 45,000. */
  stallMs?: number
  /** Bytes of pages that are kept for the next reader who asks for the same. Default: 64 MiB. */
  pageCacheBytes?: number
  /** Bytes of one append. Default: 16 MiB. */
  maxAppendBytes?: number
  /** Bytes of one message of a stream in JSON mode. Default: 4 MiB. */
  maxEventBytes?: number
  /** Bytes of one stream; 0 for any number. Default: 0. */
  maxStreamBytes?: number
  /** Streams in the store; 0 for any number. Checked before each creation, so that many at once may go a little beyond. Default: 0. */
  maxStreams?: number
  /** Origins whose pages may use the handler, such as `https://app.example`; preflights of others are answered without a permission. Default: none. */
  cors?: readonly string[]
  /**
   * Offers `/v1/ws`: only for hosts that can upgrade a request, and then use {@link StreamHandler.checkSocket} and
   * {@link StreamHandler.acceptSocket}. Default: not offered.
   */
  sockets?: SocketOptions
  /** Milliseconds since the epoch. Default: `Date.now`. */
  now?: () => number
  /** What it counts, where somebody else counts there too. Default: its own. */
  figures?: Figures
  /** Further figures for `/metrics`. Default: none. */
  gauges?: readonly Gauge[]
  /** Called with what the handler did not expect, after it answered 500. Default: nothing is done with it. */
  onError?: (error: unknown) => void
}

/** The server as a function, for any runtime that has `fetch`. */
export interface StreamHandler {
  fetch(this: void, request: Request): Promise<Response>
  /**
   * Ends, as `error` with the code `producer-lost`, the model runs whose process is gone and the streams whose producer let its lease run out. To be
   * called before the first request, and every few seconds. Resolves with how many there were.
   */
  endOrphans(): Promise<number>
  /** A channel, for producers and readers in this process. @throws {HeadwaterError} `bad-name` */
  channel(this: void, name: string): ServerChannel
  /** Says no to a request for `/v1/ws`, before it is upgraded; `null` lets it pass. Whoever guards `fetch` guards this as well. */
  checkSocket(this: void, request: Request): Response | null
  /** Serves a WebSocket that was opened by `request`, and wants to hear what happens to it. */
  acceptSocket(this: void, request: Request, socket: OpenSocket): SocketReceiver
  /** Ends live readers, sockets, producers and model runs. What is asked for later is answered with 503. */
  close(): Promise<void>
}

/** Serves streams, channels and chats (PROTOCOL.md 4). */
export function createStreamHandler(options: StreamHandlerOptions): StreamHandler {
  const { answer, ...handler } = createAnswerer(options)
  return { fetch: async (request) => toResponse(await answer(request), request.signal), ...handler }
}

/** The handler for whoever owns the socket: with answers that are no `Response` yet. */
export interface Answerer extends Omit<StreamHandler, 'fetch'> {
  answer(this: void, request: PlainRequest): Promise<Answer>
}

/** As {@link createStreamHandler}. */
export function createAnswerer(options: StreamHandlerOptions): Answerer {
  const shutdown = new Shutdown()
  const context = createContext(options, shutdown)
  const writers = new Writers({
    store: options.store,
    writer: nanoid(),
    now: context.now,
    maxBytes: context.maxStreamBytes,
    onRunEnded: (outcome) => context.counters.countRun(outcome),
  })
  const leases = new Leases(options.store, context.now)
  const onError = options.onError ?? (() => {})
  const sockets = options.sockets === undefined ? null : new SocketServer(context, writers, options.sockets, onError)
  const app = new Hono()
  app.use(async (c, next) => {
    await next()
    // Hono answers HEAD as GET and drops the body; a live one is over, for whoever made it, only once it is cancelled.
    if (c.req.method === 'HEAD') await c.res.body?.cancel()
  })
  if (sockets !== null) offerSocket(app, sockets)
  addChannelRoutes(app, context, writers)
  addChatRoutes(app, { context, writers, models: options.models ?? [], resumable: options.resumable ?? true })
  addHealthRoute(app, context)
  app.get('/metrics', async (c) => {
    // It names the streams that are read.
    await context.authorize(c.req.raw, 'read', '')
    const type = 'text/plain; version=0.0.4; charset=utf-8'
    const headers = { 'content-type': type, 'cache-control': 'no-store', ...SECURITY_HEADERS }
    return new Response(metricsText(context, writers, sockets, options.gauges ?? []), { headers })
  })
  app.notFound((c) => refuse(404, 'not-found', `There is nothing for ${c.req.method} at this address.`))
  const explain = (error: unknown): Response => {
    if (error instanceof Refusal) return error.toResponse()
    onError(error)
    if (error instanceof DamagedError) return refuse(500, error.code, error.message)
    return refuse(500, 'internal', 'The server failed. Its log says why; try again.')
  }
  app.onError(explain)
  shutdown.watch(() => context.live.finish())
  const cors = createCors(options.cors ?? [])
  const answer = async (request: PlainRequest): Promise<Answer> => {
    if (!shutdown.isOpen) return closing().toResponse()
    const { pathname } = addressOf(request)
    if (!pathname.startsWith(STREAM_PREFIX)) return app.fetch(toRequest(request))
    // Past the router: these are many, and small.
    const answered = await routeStream(context, request, pathname).catch(explain)
    return sockets === null ? answered : withOffer(answered)
  }
  return {
    async answer(request) {
      context.counters.requests += 1
      const preflight = cors.preflight(request)
      if (preflight !== null) return preflight
      const answered = await answer(request)
      const code = refusalCode(answered)
      if (code !== undefined) context.counters.countError(code)
      return cors.open(request, answered)
    },
    channel: (name) => serverChannel(context, writers, name),
    endOrphans: async () => (await writers.endOrphans()) + (await leases.endOverdue()),
    checkSocket: (request) => (sockets === null ? notOffered() : sockets.check(request)),
    acceptSocket(request, socket) {
      if (sockets === null) throw new TypeError('The handler was made without the option sockets.')
      return sockets.accept(request, socket)
    },
    async close() {
      shutdown.drain()
      // First what is written, so that its readers still get the ending; but a store that is away may not answer for hours.
      await within(
        CLOSE_MS,
        writers.close().then(() => sockets?.settled()),
      )
      sockets?.close()
      shutdown.begin()
    },
  }
}

const notOffered = (): Response => refuse(404, 'not-found', 'This server has no WebSocket.')

function createContext(options: StreamHandlerOptions, shutdown: Shutdown): ServerContext {
  const heartbeatMs = options.heartbeatMs ?? HEARTBEAT_MS
  const sseLifeMs = options.sseLifeMs ?? SSE_LIFE_MS
  const now = options.now ?? Date.now
  const counters = options.figures ?? new Figures()
  const newest = new NewestRuns(options.store)
  const sharedRuns = new SharedRuns(options.store)
  // The store may outlive the handler.
  shutdown.watch(() => {
    newest.close()
    sharedRuns.close()
  })
  const onPage = ({ info, from, next }: HandedPage, waited: boolean): void => {
    counters.deliveredBytes += next.byte - from.byte
    if (waited && next.record > from.record) counters.lag.observe(Math.max(0, now() - info.updatedAt) / 1000)
  }
  return {
    store: options.store,
    live: new LiveStreams({
      store: options.store,
      heartbeatMs,
      lifeMs: sseLifeMs,
      stallMs: options.stallMs ?? STALL_MS,
      now,
      onPage,
      onError: options.onError ?? (() => {}),
    }),
    pages: new PageCache(options.store, PAGE_BYTES, options.pageCacheBytes ?? PAGE_CACHE_BYTES),
    readers: new LiveReaders(),
    newest,
    sharedRuns,
    counters,
    authorize: authorizer(options.authorize),
    longPollMs: options.longPollMs ?? LONG_POLL_MS,
    heartbeatMs,
    maxAppendBytes: options.maxAppendBytes ?? MAX_APPEND_BYTES,
    maxEventBytes: options.maxEventBytes ?? MAX_EVENT_BYTES,
    maxStreamBytes: options.maxStreamBytes || Infinity,
    maxStreams: options.maxStreams ?? 0,
    now,
    onPage,
    shutdown,
  }
}

function authorizer(authorize: Authorize | undefined): ServerContext['authorize'] {
  return async (request: PlainRequest, action: Action, stream: StreamName | string) => {
    if (authorize === undefined) return
    const path = typeof stream === 'string' ? stream : streamPath(stream).slice(STREAM_PREFIX.length)
    let allowed: boolean | void
    try {
      allowed = await authorize(toRequest(request), { action, stream: path })
    } catch {
      allowed = false
    }
    if (allowed === false) throw new Refusal(403, 'forbidden', `You may not ${action} this.`)
  }
}
