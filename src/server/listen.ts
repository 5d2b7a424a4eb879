import { createServer } from 'node:http'
import type { Server, ServerOptions } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { RequestListener } from 'node:http'
import { networkInterfaces } from 'node:os'
import type { Duplex } from 'node:stream'
import type { ServerConfig } from './config.ts'
import { StartError } from './server-error.ts'

/** How long open connections may take to finish when the server closes, in milliseconds. */
const CLOSE_MS = 1000
/** How often it is looked for connections that have finished meanwhile, in milliseconds. */
const IDLE_MS = 20
/** Longer than a proxy keeps its own idle connections (nginx: 60 s), so that it is never the server that closes one just as it is used again. */
const KEEP_ALIVE_MS = 75_000
/** Silence on a connection after which the system asks whether the other end is still there, in milliseconds. */
const PROBE_AFTER_MS = 30_000

/** A server of Node with the limits of the configuration on what it takes from a socket. */
export function createHttpServer(config: ServerConfig, listener: RequestListener): Server {
  const { headersTimeoutMs, requestTimeoutMs, idleTimeoutMs, longPollMs, maxHeaderBytes } = config
  const options: ServerOptions = {
    maxHeaderSize: maxHeaderBytes,
    // Node wants the head to be the shorter of the two.
    headersTimeout: Math.min(headersTimeoutMs, requestTimeoutMs),
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Node looks for connections that are too slow only this often.
    connectionsCheckingInterval: Math.max(10, Math.min(5_000, headersTimeoutMs / 4, requestTimeoutMs / 4)),
    keepAlive: true,
    keepAliveInitialDelay: PROBE_AFTER_MS,
  }
  const server = createServer(options, listener)
  // A long-poll is silent by nature.
  server.timeout = Math.max(idleTimeoutMs, longPollMs + requestTimeoutMs / 2)
  server.on('clientError', answerBadRequest)
  return server
}

const REFUSALS: Readonly<Record<string, readonly [status: string, code: string, message: string]>> = {
  HPE_HEADER_OVERFLOW: [
    '431 Request Header Fields Too Large',
    'headers-too-large',
    'The head of the request is too large. Send fewer or shorter headers.',
  ],
  ERR_HTTP_REQUEST_TIMEOUT: [
    '408 Request Timeout',
    'too-slow',
    'The request took too long to arrive. Send it again, faster or in smaller parts.',
  ],
}
const MALFORMED = ['400 Bad Request', 'bad-request', 'This is not a request of HTTP/1.1.'] as const

/** What never became a request is refused like any other, as far as the connection still allows. */
function answerBadRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
  // The second condition: an answer is under way already, and another one would be taken for its continuation.
  if (error.code === 'ECONNRESET' || !socket.writable || bytesWritten(socket) > 0) return void socket.destroy(error)
  const [status, code, message] = REFUSALS[error.code ?? ''] ?? MALFORMED
  const body = JSON.stringify({ error: { code, message } })
  const head = [
    `HTTP/1.1 ${status}`,
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

function bytesWritten(socket: Duplex): number {
  return 'bytesWritten' in socket && typeof socket.bytesWritten === 'number' ? socket.bytesWritten : 0
}

/** Listens. Resolves with the address for a browser on this machine. @throws {StartError} `port-taken`, `address-refused` */
export function listen(server: Server, { port, host }: ServerConfig): Promise<string> {
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

const WILDCARDS = ['0.0.0.0', '::']

// Nobody can open the wildcard address; this machine can be opened under its own.
function hostInUrl(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

/** The address under which other machines find the server, as far as can be known from here. */
export function publicUrl(url: string, { host, hosts }: ServerConfig): string {
  // A proxy that offers a name speaks TLS; where it does not, the login link shows which part to change.
  if (hosts[0] !== undefined) return `https://${hosts[0]}`
  if (!WILDCARDS.includes(host)) return url
  const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? [])
  const own = addresses.find(({ internal, family }) => !internal && family === 'IPv4')
  return own === undefined ? url : url.replace(/\/\/.*(?=:\d+$)/, `//${own.address}`)
}

/**
 * Stops listening, and lets what is under way finish for a moment.
 * @param force ends what Node's server does not count among its connections any more
 */
export function closeServer(server: Server, force: () => void): Promise<void> {
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
