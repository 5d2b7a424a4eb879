import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import { FaultBoard } from './fault-board.ts'
import { seededRandom, SEED } from './random.ts'
import { ScriptedStream } from './scripted-stream.ts'
import type { Script } from './scripted-stream.ts'
import { ServerProxy } from './server-proxy.ts'

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webmanifest': 'application/manifest+json',
}

/** A page of the same site that has nothing to do with Headwater. */
export const ELSEWHERE = '/elsewhere.txt'

/**
 * The test's own server: a page, scripted streams below `/s/`, and Headwater's server below `/v1`, all on one origin. Faults happen here,
 * because those that a browser's automation makes do not reach what a SharedWorker fetches.
 */
export class TestUpstream {
  /** Folder of the page; a test of two deployed versions changes it. */
  pageFolder: string
  /** False: nobody is there. Every request is dropped without an answer. */
  up = true
  /** Files that are answered with 404, as if the deployment had lost them. */
  missing: RegExp | null = null
  readonly random = seededRandom(SEED)
  /** Where hubs of a page built with fault points ask whether to go on. */
  readonly faults = new FaultBoard()
  readonly #server: Server
  readonly #streams = new Map<string, ScriptedStream>()
  readonly #usedSockets = new WeakSet<object>()
  #proxy: ServerProxy | null = null

  private constructor(server: Server, pageFolder: string) {
    this.#server = server
    this.pageFolder = pageFolder
  }

  static async start(pageFolder: string): Promise<TestUpstream> {
    const server = createServer({ keepAliveTimeout: 1_000 })
    const upstream = new TestUpstream(server, pageFolder)
    server.on('request', (request, response) => {
      upstream.#handle(request, response).catch(() => response.destroy())
    })
    server.on('upgrade', (request, wire) => {
      if (upstream.#proxy === null) wire.destroy()
      else upstream.#proxy.upgrade(request, wire)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return upstream
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Adds a stream at `/s/<name>`. */
  script(name: string, script: Script): ScriptedStream {
    const stream = new ScriptedStream(`/s/${name}`, script)
    this.#streams.set(stream.path, stream)
    return stream
  }

  /** What was asked of it, for whoever reads why a test failed. */
  describe(): string {
    const streams = [...this.#streams.values()].map(
      ({ path, open, requests }) => `${path}: ${open} open of ${JSON.stringify(requests)}`,
    )
    return ['upstream', ...streams].join('\n')
  }

  /** From now on `/v1`, `/healthz` and `/metrics` are those of the server at `target`. */
  proxyTo(target: string): ServerProxy {
    this.#proxy = new ServerProxy(target)
    return this.#proxy
  }

  /** As if its machine were switched off: cuts everything that is open, and drops what comes. */
  goDown(): void {
    this.up = false
    this.#server.closeAllConnections()
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!this.up) {
      request.socket.destroy()
      return
    }
    const kept = this.#usedSockets.has(request.socket)
    this.#usedSockets.add(request.socket)
    if (this.faults.handle(request, response)) return
    const { pathname } = new URL(request.url ?? '/', this.origin)
    const stream = this.#streams.get(pathname.replace(/\/(run|cancel)$/, ''))
    if (stream !== undefined) return stream.handle(request, response, kept)
    if (/^\/(v1|healthz|metrics)(\/|$)/.test(pathname) && this.#proxy !== null) {
      this.#proxy.handle(request, response)
      return
    }
    if (pathname === ELSEWHERE) response.writeHead(200, { 'content-type': 'text/plain' }).end('Elsewhere.')
    else if (this.missing?.test(pathname) === true) response.writeHead(404).end()
    // Addresses without a suffix are the app's own: its shell answers for them.
    else await this.#sendFile(extname(pathname) === '' ? '/index.html' : pathname, response)
  }

  async #sendFile(pathname: string, response: ServerResponse): Promise<void> {
    const path = join(this.pageFolder, normalize(pathname))
    try {
      const body = await readFile(path)
      response.writeHead(200, {
        'content-type': TYPES[extname(path)] ?? 'application/octet-stream',
        'cache-control': 'no-cache',
      })
      response.end(body)
    } catch {
      response.writeHead(404).end()
    }
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#proxy?.cutSockets()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
