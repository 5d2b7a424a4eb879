import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { splitAnywhere } from './random.ts'
import { canContinue, encodeChunk, encodeEnd, encodeFailure, headersOf } from './wire-format.ts'
import type { WireFormat } from './wire-format.ts'

export interface Script {
  format: WireFormat
  /** The truth: what a view must show in the end. */
  chunks: readonly string[]
  /** How many go out at once; {@link ScriptedStream.release} lets out more. Default: all. */
  released?: number
  /** Whether the end follows the last chunk by itself. Default true. */
  ends?: boolean
  /** Splits the bytes at seeded places. Default: as they come. */
  random?: () => number
  /** False: a POST's answer names no address to continue at. Default true. */
  resumable?: boolean
  /** What upstream's ids count from, so that they are not the log's seqs. Default 0: they are. */
  idsFrom?: number
}

/** What one request asked for. */
export interface SeenRequest {
  method: string
  lastEventId: string | null
  idempotencyKey: string | null
  authorization: string | null
  /** Whether its socket had served a request before: browsers themselves repeat a request on such a one that breaks before any answer. */
  kept: boolean
  body: string
}

/** One connection that was served, in milliseconds since the epoch. */
export interface SeenConnection {
  method: string
  openedAt: number
  closedAt: number | null
}

async function drainOrClose(response: ServerResponse): Promise<void> {
  const either = new AbortController()
  const { signal } = either
  // The other one would stay, and Node warns of the eleventh.
  await Promise.any([once(response, 'drain', { signal }), once(response, 'close', { signal })])
  either.abort()
}

/** One upstream that a test drives step by step, and that counts what is asked of it. */
export class ScriptedStream {
  readonly path: string
  readonly truth: readonly string[]
  readonly requests: SeenRequest[] = []
  readonly connections: SeenConnection[] = []
  /** Requests to the cancel address. */
  cancels = 0
  /** The most connections that were open at one time. */
  mostOpen = 0
  readonly #script: Script
  readonly #open = new Set<ServerResponse>()
  readonly #waiting = new Set<() => void>()
  #released: number
  #refusals = 0
  #refusalStatus: number | null = null
  #ending: 'end' | 'body' | { failure: string } | null

  constructor(path: string, script: Script) {
    this.path = path
    this.truth = script.chunks
    this.#script = script
    this.#released = script.released ?? script.chunks.length
    this.#ending = (script.ends ?? true) ? 'end' : null
  }

  get format(): WireFormat {
    return this.#script.format
  }

  get #idsFrom(): number {
    return this.#script.idsFrom ?? 0
  }

  get open(): number {
    return this.#open.size
  }

  get posts(): number {
    return this.requests.filter((request) => request.method === 'POST').length
  }

  /** Lets out `count` more chunks. Default: all that are left. */
  release(count = Infinity): void {
    this.#released = Math.min(this.truth.length, this.#released + count)
    this.#wake()
  }

  /** The end follows the last chunk. */
  end(): void {
    this.#ending = 'end'
    this.#wake()
  }

  /** The body ends after the last chunk, without the word that proves the end. */
  endBodyOnly(): void {
    this.#ending = 'body'
    this.#wake()
  }

  /** Upstream says, in its format's own words, that it failed. */
  fail(message: string): void {
    this.#ending = { failure: message }
    this.#wake()
  }

  /** Ends the bodies that are open now, cleanly but without proof of the end; later requests are served on. */
  closeBodies(): void {
    for (const response of this.#open) response.end()
  }

  /** Cuts all sockets, after a part of the next chunk if `inside`. */
  cut({ inside = false } = {}): void {
    const next = this.truth[this.#released] ?? 'a chunk that never comes'
    const bytes = encodeChunk(this.#script.format, next, this.#released + 1 + this.#idsFrom)
    for (const response of this.#open) {
      // At once, not when the socket has closed: what is released from now on must not follow on this one.
      this.#open.delete(response)
      if (inside) response.write(bytes.subarray(0, Math.ceil(bytes.length / 2)), () => response.destroy())
      else response.destroy()
    }
  }

  /** Drops the next `times` requests without an answer, or answers them with `status`. */
  refuse(times: number, status: number | null = null): void {
    this.#refusals = times
    this.#refusalStatus = status
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }

  async handle(request: IncomingMessage, response: ServerResponse, kept = false): Promise<void> {
    let body = ''
    for await (const part of request) body += String(part)
    if (request.url?.endsWith('/cancel') === true) {
      this.cancels++
      this.#ending = 'end'
      response.end()
      this.#wake()
      return
    }
    const header = (name: string): string | null => request.headers[name]?.toString() ?? null
    this.requests.push({
      method: request.method ?? '',
      lastEventId: header('last-event-id'),
      idempotencyKey: header('idempotency-key'),
      authorization: header('authorization'),
      kept,
      body,
    })
    if (this.#refusals > 0) {
      this.#refusals--
      if (this.#refusalStatus === null) request.socket.destroy()
      else response.writeHead(this.#refusalStatus).end()
      return
    }
    await this.#serve(request, response)
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { format, resumable = true } = this.#script
    const run = request.method === 'POST' && resumable
    response.writeHead(200, {
      ...headersOf(format),
      ...(run && { location: `${this.path}/run`, link: `<${this.path}/cancel>; rel="cancel"` }),
    })
    response.flushHeaders()
    this.#open.add(response)
    this.mostOpen = Math.max(this.mostOpen, this.open)
    const connection: SeenConnection = { method: request.method ?? '', openedAt: Date.now(), closedAt: null }
    this.connections.push(connection)
    response.on('error', () => {})
    response.on('close', () => {
      connection.closedAt = Date.now()
      this.#open.delete(response)
      this.#wake()
    })
    const lastEventId = Number(request.headers['last-event-id'] ?? this.#idsFrom)
    let seq = canContinue(format) ? lastEventId - this.#idsFrom + 1 : 1
    while (this.#open.has(response) && !response.writableEnded) {
      const chunk = seq <= this.#released ? this.truth[seq - 1] : undefined
      if (chunk !== undefined) {
        await this.#write(response, encodeChunk(format, chunk, seq + this.#idsFrom))
        seq++
      } else if (this.#ending !== null && this.#released === this.truth.length) {
        await this.#finish(response, this.#ending)
        return
      } else {
        await new Promise<void>((resolve) => this.#waiting.add(resolve))
      }
    }
  }

  async #finish(response: ServerResponse, ending: 'end' | 'body' | { failure: string }): Promise<void> {
    const { format } = this.#script
    if (ending === 'end') await this.#write(response, encodeEnd(format))
    else if (ending !== 'body') await this.#write(response, encodeFailure(format, ending.failure))
    response.end()
  }

  async #write(response: ServerResponse, bytes: Buffer): Promise<void> {
    const { random } = this.#script
    for (const piece of random === undefined ? [bytes] : splitAnywhere(bytes, random)) {
      if (!this.#open.has(response) || response.destroyed) return
      const drained = response.write(piece)
      if (!drained) await drainOrClose(response)
      // A turn of the loop between pieces, or the socket joins them again.
      else if (random !== undefined) await new Promise(setImmediate)
    }
  }
}
