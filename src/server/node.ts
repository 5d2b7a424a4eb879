import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { refuse } from './answers.ts'
import type { ServerConfig } from './config.ts'
import { createGuard, isApi, isLoopbackName } from './guard.ts'
import type { Guard } from './guard.ts'
import { createAnswerer } from './handler.ts'
import type { Answerer } from './handler.ts'
import { findModels } from './models/find-models.ts'
import type { ModelInfo, OfferedModel } from './models/model-info.ts'
import { listenWith } from './node-answer.ts'
import { serveSockets } from './node-sockets.ts'
import type { Answer } from './plain-answer.ts'
import { openStore } from './open-store.ts'
import { StartError } from './server-error.ts'
import type { SocketOptions } from './socket/socket-options.ts'
import { createStaticFiles } from './static-files.ts'

/** How long open connections may take to finish when the server closes, in milliseconds. */
const CLOSE_MS = 1000
/** How often it is looked for connections that have finished meanwhile, in milliseconds. */
const IDLE_MS = 20
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
  /** What happens, one line each, without secrets. Default: nowhere. */
  log?: (line: string) => void
}

/** A server that listens. */
export interface RunningServer {
  /** Address for a browser, without a trailing slash. */
  readonly url: string
  /** Address that logs a browser in: with the token where one is needed, else `url`. */
  readonly loginUrl: string
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
  const log = options.log ?? (() => {})
  const opened = await openStore(config)
  try {
    const models = options.models ?? (await findModels({ config: config.models }))
    const handler = createAnswerer({
      store: opened.store,
      models,
      longPollMs: config.longPollMs,
      sockets: options.sockets ?? {},
      onError: (error) =>
        log(`A request failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
    })
    const lost = await handler.endOrphans()
    if (lost > 0) log(`Ended ${lost} run(s) whose producer is gone.`)

    const isLoopback = isLoopbackName(config.host)
    const token = config.token ?? (isLoopback ? null : randomBytes(24).toString('base64url'))
    const guard = createGuard({ isLoopback, token })
    const answer = compose(handler, guard, options.appFolder)
    const server = createServer(listenWith(answer))
    const sockets = serveSockets(server, handler, guard, options.sockets)
    const url = await listen(server, config)
    const sweeper = setInterval(
      () => void opened.store.sweep().catch((error) => log(`Sweeping failed: ${error}`)),
      SWEEP_MS,
    )
    sweeper.unref()
    const orphans = setInterval(
      () => void handler.endOrphans().catch((error) => log(`Looking for orphaned runs failed: ${error}`)),
      ORPHANS_MS,
    )
    orphans.unref()

    let closed: Promise<void> | null = null
    const close = async (): Promise<void> => {
      clearInterval(sweeper)
      clearInterval(orphans)
      await handler.close()
      await closeServer(server, () => sockets.terminate())
      await opened.close()
    }
    return {
      url,
      loginUrl: token === null ? url : `${url}/?token=${encodeURIComponent(token)}`,
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

function compose(
  handler: Answerer,
  guard: Guard,
  appFolder: string | undefined,
): (request: Request) => Promise<Answer> {
  const files = appFolder === undefined ? null : createStaticFiles(appFolder)
  return async (request) => {
    const refused = guard(request)
    if (refused !== null) return refused
    const { pathname } = new URL(request.url)
    // The router decodes what the guard compared as it was sent (`/%761` is `/v1` to it): only what the guard took for the API gets there.
    if (isApi(pathname) || pathname === '/healthz') return handler.answer(request)
    return files === null ? refuse(404, 'not-found', 'There is nothing at this address.') : files(request)
  }
}

function listen(server: Server, { port, host }: ServerConfig): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, port, host)))
    server.listen(port, host, () => resolve(`http://${hostInUrl(host)}:${(server.address() as AddressInfo).port}`))
  })
}

function listenError(error: NodeJS.ErrnoException, port: number, host: string): StartError {
  if (error.code === 'EADDRINUSE') {
    const message = `Port ${port} on ${host} is taken, perhaps by a Headwater that runs already. Stop it, or choose another one with --port.`
    return new StartError('port-taken', message, port, { cause: error })
  }
  const message = `Cannot listen on ${host}:${port}: ${error.message}. Choose another address with --host and --port.`
  return new StartError('address-refused', message, host, { cause: error })
}

// Nobody can open the wildcard address; this machine can be opened under its own.
function hostInUrl(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

/** `force` ends what Node's server does not count among its connections any more. */
function closeServer(server: Server, force: () => void): Promise<void> {
  return new Promise((resolve) => {
    // Node closes the connections that are idle now; those of readers that end now are idle a moment later.
    const idle = setInterval(() => server.closeIdleConnections(), IDLE_MS)
    const timer = setTimeout(() => {
      server.closeAllConnections()
      force()
    }, CLOSE_MS)
    server.close(() => {
      clearInterval(idle)
      clearTimeout(timer)
      resolve()
    })
    server.closeIdleConnections()
  })
}
