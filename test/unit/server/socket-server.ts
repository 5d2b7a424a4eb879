import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { Ending } from '../../../src/protocol/chunk.ts'
import { AccessToken } from '../../../src/server/door/access-token.ts'
import { createGuard } from '../../../src/server/guard.ts'
import { createStreamHandler } from '../../../src/server/handler.ts'
import type { StreamHandler, StreamHandlerOptions } from '../../../src/server/handler.ts'
import { serveSockets } from '../../../src/server/node-sockets.ts'
import type { OpenSocket } from '../../../src/server/socket/open-socket.ts'
import { MemoryStreamStore } from '../../../src/server/stores/memory.ts'
import type { StreamStore } from '../../../src/server/stream-store.ts'
import { SocketClient } from './socket-client.ts'

/** A handler behind a server of Node on a port of its own, with sockets, and short ways to use it. */
export class SocketTestServer {
  readonly store: StreamStore
  readonly handler: StreamHandler
  readonly url: string
  readonly port: number
  /** The server's ends of the sockets, in the order in which they were accepted. */
  readonly accepted: OpenSocket[]
  readonly #server: Server
  readonly #terminate: () => void
  readonly #clients: SocketClient[] = []

  private constructor(
    server: Server,
    handler: StreamHandler,
    store: StreamStore,
    accepted: OpenSocket[],
    terminate: () => void,
  ) {
    this.#server = server
    this.handler = handler
    this.store = store
    this.accepted = accepted
    this.port = (server.address() as AddressInfo).port
    this.url = `http://127.0.0.1:${this.port}`
    this.#terminate = terminate
  }

  static async start(
    options: Omit<StreamHandlerOptions, 'store'> & { store?: StreamStore; token?: string } = {},
  ): Promise<SocketTestServer> {
    const store = options.store ?? new MemoryStreamStore()
    const handler = createStreamHandler({ sockets: {}, ...options, store })
    const token = options.token === undefined ? null : AccessToken.of(options.token)
    const guard = createGuard({ isLoopback: token === null, token })
    const listener = getRequestListener(async (request) => guard(request) ?? handler.fetch(request), {
      overrideGlobalObjects: false,
    })
    const server = createServer(listener)
    const accepted: OpenSocket[] = []
    const acceptSocket: StreamHandler['acceptSocket'] = (request, socket) => {
      accepted.push(socket)
      return handler.acceptSocket(request, socket)
    }
    const sockets = serveSockets(server, { ...handler, acceptSocket }, (request) => guard(request), options.sockets)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new SocketTestServer(server, handler, store, accepted, () => sockets.terminate())
  }

  async client(headers?: Record<string, string>): Promise<SocketClient> {
    const client = await SocketClient.open(this.url, headers)
    this.#clients.push(client)
    return client
  }

  async create(path: string, contentType = 'text/plain'): Promise<void> {
    await this.#send('PUT', path, { 'content-type': contentType })
  }

  async append(path: string, body: string | Uint8Array<ArrayBuffer>, contentType = 'text/plain'): Promise<void> {
    await this.#send('POST', path, { 'content-type': contentType }, body)
  }

  async end(path: string, ending: Ending = { kind: 'done' }): Promise<void> {
    await this.#send('POST', path, { 'stream-closed': 'true', 'stream-ending': JSON.stringify(ending) })
  }

  async figures(): Promise<string> {
    return (await fetch(`${this.url}/metrics`)).text()
  }

  async close(): Promise<void> {
    for (const { socket } of this.#clients) socket.terminate()
    await this.handler.close()
    this.#terminate()
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #send(
    method: string,
    path: string,
    headers: Record<string, string>,
    body?: string | Uint8Array<ArrayBuffer>,
  ): Promise<void> {
    const request = new Request(this.url + path, { method, headers, ...(body !== undefined && { body }) })
    const response = await this.handler.fetch(request)
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
  }
}
