// A process of its own: `server.js <SocketServerJob as JSON>`, with a channel to its parent, and --expose-gc.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { WebSocketServer } from 'ws'
import { encodeDataFrame } from '../../../src/protocol/socket-frame.ts'
import { createStreamHandler } from '../../../src/server/handler.ts'
import { serveSockets } from '../../../src/server/node-sockets.ts'
import { encodeOffset } from '../../../src/server/offsets.ts'
import { MemoryStreamStore } from '../../../src/server/stores/memory.ts'
import { benchEvent, EVENT_BYTES } from './messages.ts'
import type { SocketServerAnswer, SocketServerJob, SocketServerOrder, SocketServerReady } from './messages.ts'

const NAME = { channel: 'bench', run: '1' }

/** Sends one event to everybody, who then wait for it. */
type Send = (index: number) => Promise<void>

/** Ours: an event is an append, and the watchers follow the channel. */
async function ours(server: Server): Promise<Send> {
  const store = new MemoryStreamStore()
  await store.create(NAME, { contentType: 'application/octet-stream' })
  serveSockets(server, createStreamHandler({ store, sockets: {} }), () => null)
  return async (index) => {
    await store.append(NAME, { contentType: null, records: [benchEvent(index)] })
  }
}

/** The least that Node can do for it with the same package: a loop over everybody, with a frame of the same size. */
function bare(server: Server): Send {
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  server.on('upgrade', (request, wire, head) => sockets.handleUpgrade(request, wire, head, () => {}))
  return async (index) => {
    const next = encodeOffset({ record: index + 1, byte: (index + 1) * EVENT_BYTES })
    const frame = encodeDataFrame({ sub: 1, next, upToDate: true }, benchEvent(index))
    for (const socket of sockets.clients) socket.send(frame)
  }
}

async function obey(order: SocketServerOrder, send: Send): Promise<SocketServerAnswer> {
  if (order.what === 'memory') {
    globalThis.gc?.()
    await wait(100)
    globalThis.gc?.()
    const { rss, heapUsed, external } = process.memoryUsage()
    return { memory: { rss, held: heapUsed + external } }
  }
  const before = process.cpuUsage()
  const start = performance.now()
  for (let index = 0; index < order.events; index++) {
    await send(index)
    await wait(Math.max(0, start + ((index + 1) * 1000) / order.perSecond - performance.now()))
  }
  const { user, system } = process.cpuUsage(before)
  return { cpu: user + system }
}

const job = JSON.parse(process.argv[2] ?? '') as SocketServerJob
const server = createServer()
const send = job.kind === 'headwater' ? await ours(server) : bare(server)
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 })
await once(server, 'listening')
process.on('message', (order: SocketServerOrder) => {
  void obey(order, send).then((answer) => process.send?.(answer))
})
process.on('disconnect', () => process.exit(0))
const ready: SocketServerReady = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
process.send?.(ready)
