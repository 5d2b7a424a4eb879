import { request as httpRequest } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'

/** Headwater's server as seen through a network that the test controls. */
export class ServerProxy {
  /** False: every request is dropped without an answer. */
  up = true
  /** What becomes of WebSockets: `refuse` answers the handshake with 502, `swallow` lets it pass and nothing after it. */
  sockets: 'pass' | 'refuse' | 'swallow' = 'pass'
  /** Requests so far, as `METHOD path?query`. */
  readonly seen: string[] = []
  /** WebSockets that were asked for so far. */
  upgrades = 0
  readonly #target: string
  readonly #open = new Set<ServerResponse>()
  readonly #openSockets = new Set<Duplex>()

  /** @param target the server's address */
  constructor(target: string) {
    this.#target = target
  }

  /** Responses that are open now. */
  get open(): number {
    return this.#open.size
  }

  /** WebSockets that are open now. */
  get openSockets(): number {
    return this.#openSockets.size
  }

  /** Cuts everything that is open. */
  cut(): void {
    for (const response of this.#open) response.socket?.destroy()
    this.cutSockets()
  }

  cutSockets(): void {
    for (const wire of this.#openSockets) wire.destroy()
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    this.seen.push(`${request.method ?? ''} ${request.url ?? ''}`)
    if (!this.up) {
      request.socket.destroy()
      return
    }
    this.#open.add(response)
    response.on('close', () => this.#open.delete(response))
    const target = new URL(request.url ?? '/', this.#target)
    const onward = httpRequest(
      target,
      { method: request.method ?? 'GET', headers: this.#headers(request) },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        response.flushHeaders()
        answer.pipe(response)
        answer.on('error', () => response.destroy())
      },
    )
    onward.on('error', () => response.destroy())
    response.on('close', () => onward.destroy())
    request.pipe(onward)
  }

  /** Passes a WebSocket on, as bytes. */
  upgrade(request: IncomingMessage, wire: Duplex): void {
    this.upgrades++
    wire.on('error', () => wire.destroy())
    if (!this.up) return void wire.destroy()
    if (this.sockets === 'refuse') {
      return void wire.end('HTTP/1.1 502 Bad Gateway\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
    }
    this.#openSockets.add(wire)
    const { hostname, port } = new URL(this.#target)
    const onward = connect(Number(port), hostname)
    wire.on('close', () => {
      this.#openSockets.delete(wire)
      onward.destroy()
    })
    onward.on('error', () => wire.destroy())
    onward.on('close', () => wire.destroy())
    const headers = Object.entries(this.#headers(request)).map(([name, value]) => `${name}: ${String(value)}\r\n`)
    onward.write(`GET ${request.url ?? '/'} HTTP/1.1\r\n${headers.join('')}\r\n`)
    wire.pipe(onward)
    if (this.sockets === 'pass') return void onward.pipe(wire)
    // The head of the answer is one packet on loopback; nothing that follows gets through.
    onward.once('data', (head: Buffer) => {
      wire.write(head.subarray(0, head.indexOf('\r\n\r\n') + 4))
      onward.resume()
    })
  }

  /** The server refuses what comes from another origin; to it, the page is its own. */
  #headers(request: IncomingMessage): IncomingMessage['headers'] {
    const { origin: _, ...headers } = request.headers
    return { ...headers, host: new URL(this.#target).host }
  }
}
