import type { IncomingMessage } from 'node:http'
import type { ServerConfig } from './config.ts'
import { createCors } from './cors.ts'
import { clientAddress } from './door/client-address.ts'
import { Connections } from './door/connections.ts'
import { findToken } from './door/find-token.ts'
import type { FoundToken } from './door/find-token.ts'
import { createFrontDoor } from './door/front-door.ts'
import type { Caller } from './door/front-door.ts'
import { Figures } from './figures.ts'
import { createGuard, isLoopbackName } from './guard.ts'
import { createAnswerer } from './handler.ts'
import { closeServer, createHttpServer, listen, publicUrl } from './listen.ts'
import { SILENT_LOG } from './log/server-log.ts'
import type { ServerLog } from './log/server-log.ts'
import { findModels } from './models/find-models.ts'
import type { ModelInfo, OfferedModel } from './models/model-info.ts'
import { listenWith } from './node-answer.ts'
import { serveSockets } from './node-sockets.ts'
import { openStore } from './open-store.ts'
import { PROCESS_GAUGES } from './process-gauges.ts'
import type { SocketOptions } from './socket/socket-options.ts'
import { createStaticFiles } from './static-files.ts'

/** How often expired streams are deleted, in milliseconds. */
const SWEEP_MS = 60_000
/** How often runs of producers that died are looked for, in milliseconds. */
const ORPHANS_MS = 5_000

/** What `serve` needs. */
export interface ServeOptions {
  config: ServerConfig
  /** Folder of the built app; without it only the API is served. */
  appFolder?: string
  /** Models to offer. Default: what the configuration finds. */
  models?: readonly OfferedModel[]
  /** Limits of `/v1/ws`. */
  sockets?: SocketOptions
  /** Makes a new token in place of the one that earlier starts kept; browsers have to log in again. Default: false. */
  newToken?: boolean
  /** What happens, without secrets: a logger of pino, or the like. Default: nothing is said. */
  log?: ServerLog
}

/** A server that listens. */
export interface RunningServer {
  /** Address for a browser, without a trailing slash. */
  readonly url: string
  /**
   * Address that logs a browser in, as other machines find it: with the token where one is needed, else `url`. `null` where only the hash of the
   * token is left of an earlier start.
   */
  readonly loginUrl: string | null
  /** Where the token comes from; `made`: just now, so that somebody has to be shown `loginUrl`. */
  readonly token: 'none' | 'given' | 'made' | 'kept'
  /** Folder of the embedded store; `null` where streams are kept elsewhere. */
  readonly dataFolder: string | null
  /** Where streams are kept, for people. */
  readonly dataPlace: string
  /** Models on offer; the first is the default. */
  readonly models: readonly ModelInfo[]
  /** Ends live readers and model runs, releases the store. Safe to call twice. */
  close(): Promise<void>
}

/**
 * Starts the server: store, models, API and app.
 * @throws {StartError} `port-taken`, `address-refused`, `data-folder`
 */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  const { config } = options
  const log = options.log ?? SILENT_LOG
  const opened = await openStore(config)
  try {
    const token = await findToken(config, opened.folder, options.newToken === true)
    const models = options.models ?? (await findModels({ config: config.models }))
    const figures = new Figures()
    const connections = new Connections(config.maxConnections, config.proxies > 0 ? 0 : config.maxClientConnections)
    const handler = createAnswerer({
      store: opened.store,
      models,
      longPollMs: config.longPollMs,
      maxAppendBytes: config.maxAppendBytes,
      maxEventBytes: config.maxEventBytes,
      maxStreamBytes: config.maxStreamBytes,
      maxStreams: config.maxStreams,
      sockets: options.sockets ?? {},
      figures,
      gauges: [
        { name: 'headwater_connections', help: 'Open connections.', value: () => connections.count },
        ...PROCESS_GAUGES,
      ],
      cors: config.cors,
      onError: (err) => log.error({ err }, 'a request failed'),
    })
    const lost = await handler.endOrphans()
    if (lost > 0) log.info({ runs: lost }, 'ended runs whose producer is gone')

    const door = createFrontDoor({
      cors: createCors(config.cors),
      guard: createGuard({
        isLoopback: isLoopbackName(config.host),
        token: token.access,
        hosts: config.hosts,
        origins: config.cors,
      }),
      isGuessable: token.origin === 'given',
      api: handler.answer,
      files: options.appFolder === undefined ? null : createStaticFiles(options.appFolder),
      rate: config.rate,
      clientRate: config.clientRate,
      log,
      onRefused: (code) => figures.countError(code),
      now: Date.now,
    })
    const callerOf = (incoming: IncomingMessage): Caller => ({
      client: clientAddress(incoming.socket.remoteAddress, header(incoming.headers['x-forwarded-for']), config.proxies),
      crowd: connections.crowdOf(incoming.socket),
    })
    const server = createHttpServer(
      config,
      listenWith((request, incoming) => door.answer(request, callerOf(incoming))),
    )
    connections.watch(server)
    const refusal = (request: Request, incoming: IncomingMessage): Response | null =>
      door.refusal(request, callerOf(incoming))
    const sockets = serveSockets(server, handler, refusal, options.sockets)
    const url = await listen(server, config)
    log.info({ url, store: opened.place, login: token.origin }, 'listening')
    const chores = [
      every(SWEEP_MS, () => opened.store.sweep(), log, 'sweeping failed'),
      every(ORPHANS_MS, () => handler.endOrphans(), log, 'looking for orphaned runs failed'),
    ]

    let closed: Promise<void> | null = null
    const close = async (): Promise<void> => {
      log.info({ connections: connections.count }, 'closing')
      for (const chore of chores) clearInterval(chore)
      await handler.close()
      await closeServer(server, () => sockets.terminate())
      await opened.close()
      log.info({}, 'closed')
    }
    return {
      url,
      loginUrl: loginUrl(url, config, token),
      token: token.origin,
      dataFolder: opened.folder,
      dataPlace: opened.place,
      models: models.map(({ info }) => info),
      close: () => (closed ??= close()),
    }
  } catch (error) {
    await opened.close()
    throw error
  }
}

function loginUrl(url: string, config: ServerConfig, { origin, secret }: FoundToken): string | null {
  if (origin === 'none') return url
  return secret === null ? null : `${publicUrl(url, config)}/?token=${encodeURIComponent(secret)}`
}

/** Does something now and then, for as long as the process has something else to do. */
function every(ms: number, work: () => Promise<unknown>, log: ServerLog, failure: string): NodeJS.Timeout {
  return setInterval(() => void work().catch((err: unknown) => log.error({ err }, failure)), ms).unref()
}

// Sent more than once, it counts as one list (RFC 9110, 5.3).
function header(value: string | string[] | undefined): string | null {
  return value === undefined ? null : String(value)
}
