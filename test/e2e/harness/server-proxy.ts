import { request as httpRequest } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'

/** Headwater's server as seen through a network that the test controls. */
export class ServerProxy {
  /** False: every request is dropped without an answer. */
  up = true
  /** Requests so far, as `METHOD path?query`. */
  readonly seen: string[] = []
  readonly #target: string
  readonly #open = new Set<ServerResponse>()

  /** @param target the server's address */
  constructor(target: string) {
    this.#target = target
  }

  /** Responses that are open now. */
  get open(): number {
    return this.#open.size
  }

  /** Cuts everything that is open. */
  cut(): void {
    for (const response of this.#open) response.socket?.destroy()
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
    // The server refuses what comes from another origin; to it, the page is its own.
    const headers = { ...request.headers, host: target.host }
    delete headers.origin
    const onward = httpRequest(target, { method: request.method ?? 'GET', headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      response.flushHeaders()
      answer.pipe(response)
      answer.on('error', () => response.destroy())
    })
    onward.on('error', () => response.destroy())
    response.on('close', () => onward.destroy())
    request.pipe(onward)
  }
}
