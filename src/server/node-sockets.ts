import type { IncomingMessage, Server } from 'node:http'
import { ServerResponse, STATUS_CODES } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'
import { SOCKET_PROTOCOL } from '../protocol/socket.ts'
import { refuse } from './answers.ts'
import type { StreamHandler } from './handler.ts'
import type { OpenSocket, SocketReceiver } from './socket/open-socket.ts'
import { socketLimits } from './socket/socket-options.ts'
import type { SocketOptions } from './socket/socket-options.ts'

/** How long a client has to answer a goodbye, in milliseconds, before the connection is cut. */
const GOODBYE_MS = 1000

/** The sockets of a server of Node. */
export interface NodeSockets {
  /** Cuts what has not said goodbye, and what asked for an upgrade in vain and is still there. */
  terminate(): void
}

/** Upgrades what asks for `/v1/ws`, if `refusal` and the handler let it pass. */
export function serveSockets(
  server: Server,
  handler: Pick<StreamHandler, 'checkSocket' | 'acceptSocket'>,
  refusal: (request: Request, incoming: IncomingMessage) => Response | null,
  options: SocketOptions = {},
): NodeSockets {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: socketLimits(options).maxFrameBytes,
    // Costs memory for every socket, and what compresses well enough is compressed by a proxy.
    perMessageDeflate: false,
    handleProtocols: () => SOCKET_PROTOCOL,
  })
  /** Connections that Node has let go of, and `ws` has not taken: neither of their ways to close all of them reaches these. */
  const between = new Set<Duplex>()
  server.on('upgrade', (incoming: IncomingMessage, wire: Duplex, head: Buffer) => {
    // Until `ws` takes over, nobody else listens, and an error that nobody hears ends the process.
    const onError = (): void => void wire.destroy()
    wire.on('error', onError)
    between.add(wire)
    wire.once('close', () => between.delete(wire))
    if (incoming.headers.upgrade?.toLowerCase() !== 'websocket') return passOver(server, incoming, wire)
    const request = toRequest(incoming)
    const refused = request === null ? badRequest() : (refusal(request, incoming) ?? handler.checkSocket(request))
    if (request === null || refused !== null) {
      void writeRefusal(wire, refused ?? badRequest())
      return
    }
    sockets.handleUpgrade(incoming, wire, head, (socket) => {
      wire.off('error', onError)
      between.delete(wire)
      attach(socket, wire, handler.acceptSocket(request, polite(socket)))
    })
  })
  return {
    terminate() {
      for (const socket of sockets.clients) socket.terminate()
      for (const wire of between) wire.destroy()
    },
  }
}

/** Apart from the upgrade, whose request nothing that lives as long as the socket should hold. */
function attach(socket: WebSocket, wire: Duplex, receiver: SocketReceiver): void {
  socket.on('message', (data: Buffer, isBinary) => receiver.receive(isBinary ? data : data.toString()))
  socket.on('close', () => receiver.closed())
  // A broken frame, or one that is too large: `ws` closes with the code that says so.
  socket.on('error', () => {})
  wire.on('drain', () => receiver.drained())
}

/** A socket that is cut where its goodbye is not answered in time. */
function polite(socket: WebSocket): OpenSocket {
  return {
    send: (frame) => socket.send(frame),
    close(code, reason) {
      socket.close(code, reason)
      const timer = setTimeout(() => socket.terminate(), GOODBYE_MS)
      socket.once('close', () => clearTimeout(timer))
    },
    get bufferedAmount() {
      return socket.bufferedAmount
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
  }
}

/**
 * Answers as if nobody had asked for an upgrade, which a server may always do (RFC 9110 7.8): with somebody who listens for upgrades, Node
 * hands over those to HTTP/2 as well, for which curl and Java ask. What body there is Node does not read any more.
 */
function passOver(server: Server, incoming: IncomingMessage, wire: Duplex): void {
  if (!(wire instanceof Socket) || 'content-length' in incoming.headers || 'transfer-encoding' in incoming.headers) {
    void writeRefusal(wire, refuse(400, 'bad-upgrade', 'Send this request without an upgrade.'))
    return
  }
  const response = new ServerResponse(incoming)
  response.shouldKeepAlive = false
  response.assignSocket(wire)
  response.on('finish', () => endWire(wire))
  // Only who reads learns that the client went.
  wire.resume()
  server.emit('request', incoming, response)
}

const badRequest = (): Response => refuse(400, 'bad-request', 'The address or a header of the request is none.')

function toRequest(incoming: IncomingMessage): Request | null {
  try {
    const headers = new Headers()
    for (const [name, values] of Object.entries(incoming.headersDistinct)) {
      for (const value of values ?? []) headers.append(name, value)
    }
    const url = new URL(`http://${incoming.headers.host ?? 'localhost'}${incoming.url ?? '/'}`)
    return new Request(url, { method: incoming.method ?? 'GET', headers })
  } catch {
    return null
  }
}

async function writeRefusal(wire: Duplex, response: Response): Promise<void> {
  const body = Buffer.from(await response.arrayBuffer())
  const headers = [...response.headers].filter(([name]) => name !== 'connection' && name !== 'content-length')
  const lines = [
    `HTTP/1.1 ${response.status} ${STATUS_CODES[response.status] ?? ''}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    'connection: close',
    `content-length: ${body.byteLength}`,
  ]
  endWire(wire, Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body]))
}

/**
 * Ends a connection to which Node does not listen any more. What the client still sends is read and dropped: its own end comes after that, and a
 * connection that is closed with bytes unread takes the last words back (RFC 9112 9.6).
 */
function endWire(wire: Duplex, last?: Buffer): void {
  wire.resume()
  wire.end(last)
  const timer = setTimeout(() => wire.destroy(), GOODBYE_MS)
  wire.once('close', () => clearTimeout(timer))
}
