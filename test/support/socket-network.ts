import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocket } from 'ws'
import { readConfig } from '../../src/server/config.ts'
import type { OfferedModel } from '../../src/server/models/model-info.ts'
import { serve } from '../../src/server/node.ts'
import type { OpenWebSocket } from '../../src/upstream/socket/web-socket.ts'
import { ServerProxy } from '../e2e/harness/server-proxy.ts'

/** Node's way to open a WebSocket: version 20 has none of its own. */
export const openSocket: OpenWebSocket = (url, protocol) => new WebSocket(url, protocol)

/** Resolves once the condition holds. Real sockets take real time, and a machine under load takes more of it. */
export async function eventually(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 20_000
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`Waited in vain for ${what}.`)
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}

/** The real server, in memory, behind a network that a test controls. */
export interface SocketNetwork {
  /** Of the network, without a slash at the end. */
  url: string
  proxy: ServerProxy
  /** Creates a stream on the server. */
  create(path: string, contentType: string): Promise<void>
  append(path: string, body: string | Uint8Array<ArrayBuffer>, contentType: string): Promise<void>
  end(path: string): Promise<void>
  /** All that the server has of a stream. */
  content(path: string): Promise<Buffer>
  /** A figure of `/metrics`: its sum, and the largest of its samples. */
  figure(name: string): Promise<{ sum: number; most: number }>
  close(): Promise<void>
}

/** Starts server and network. */
export async function startSocketNetwork(models: readonly OfferedModel[] = []): Promise<SocketNetwork> {
  const running = await serve({ config: readConfig({ HEADWATER_STORE: 'memory', PORT: '0' }), models })
  const proxy = new ServerProxy(running.url)
  const front = createServer((request, response) => proxy.handle(request, response))
  front.on('upgrade', (request, wire) => proxy.upgrade(request, wire))
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
  const ask = async (method: string, path: string, headers: Record<string, string> = {}, body?: BodyInit) => {
    const response = await fetch(running.url + path, { method, headers, ...(body !== undefined && { body }) })
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
    return response
  }
  return {
    url: `http://127.0.0.1:${(front.address() as AddressInfo).port}`,
    proxy,
    create: async (path, type) => void (await ask('PUT', path, { 'content-type': type })),
    append: async (path, body, type) => void (await ask('POST', path, { 'content-type': type }, body)),
    end: async (path) => void (await ask('POST', path, { 'stream-closed': 'true' })),
    async content(path) {
      const pages: Buffer[] = []
      for (let offset = '-1'; ;) {
        const response = await ask('GET', `${path}?offset=${offset}`)
        pages.push(Buffer.from(await response.arrayBuffer()))
        offset = response.headers.get('stream-next-offset') ?? ''
        if (response.headers.get('stream-up-to-date') === 'true') return Buffer.concat(pages)
      }
    },
    async figure(name) {
      const lines = (await (await ask('GET', '/metrics')).text()).split('\n')
      const values = lines
        .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
        .map((line) => Number(line.slice(line.lastIndexOf(' '))))
      return { sum: values.reduce((sum, value) => sum + value, 0), most: Math.max(0, ...values) }
    },
    async close() {
      front.closeAllConnections()
      proxy.cutSockets()
      await new Promise((resolve) => front.close(resolve))
      await running.close()
    },
  }
}
