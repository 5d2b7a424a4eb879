import { afterEach, expect, it } from 'vitest'
import { createStreamHandler } from '../../../src/server/handler.ts'
import type { StreamHandler } from '../../../src/server/handler.ts'
import type { OpenSocket, SocketReceiver } from '../../../src/server/socket/open-socket.ts'
import { SharedPage } from '../../../src/server/socket/shared-page.ts'
import type { StreamInfo } from '../../../src/server/stream-store.ts'
import { MemoryStreamStore } from '../../../src/server/stores/memory.ts'
import { decodeDataFrame } from '../../../src/protocol/socket-frame.ts'
import { SocketTestServer } from './socket-server.ts'

const PIECE = Buffer.alloc(60_000, 'x')
const PIECES = 5
const STREAMS = 20

const closing: { close(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(closing.splice(0).map((each) => each.close()))
})

/** A socket that takes everything at once, and counts it. */
class ReadySocket implements OpenSocket {
  readonly bufferedAmount = 0
  bytes = 0

  send(frame: string | Uint8Array<ArrayBuffer>): void {
    if (typeof frame !== 'string') this.bytes += decodeDataFrame(Buffer.from(frame))?.payload.byteLength ?? 0
  }

  close(): void {}
}

async function start(pageCacheBytes: number): Promise<StreamHandler> {
  const store = new MemoryStreamStore()
  for (let i = 0; i < STREAMS; i++) {
    const records = Array.from({ length: PIECES }, () => PIECE)
    await store.create({ channel: 'a', run: `${i}` }, { contentType: 'text/plain', records })
  }
  const handler = createStreamHandler({ store, sockets: { pageCacheBytes } })
  closing.push(handler)
  return handler
}

function open(handler: StreamHandler, firstSub: number): { socket: ReadySocket; receiver: SocketReceiver } {
  const socket = new ReadySocket()
  const receiver = handler.acceptSocket(new Request('http://127.0.0.1/v1/ws'), socket)
  for (let i = 0; i < STREAMS; i++) {
    const frame = { type: 'subscribe', id: i, sub: firstSub + i, stream: `/v1/stream/a/${i}`, offset: '-1' }
    receiver.receive(JSON.stringify(frame))
  }
  return { socket, receiver }
}

async function keptBytes(handler: StreamHandler): Promise<number> {
  const figures = await (await handler.fetch(new Request('http://127.0.0.1/metrics'))).text()
  return Number(/^headwater_socket_page_bytes (\d+)$/m.exec(figures)?.[1])
}

const ALL = STREAMS * PIECES * PIECE.length

it('keeps so many bytes of all streams together, and reads again what it had to drop', async () => {
  const handler = await start(500_000)
  const { socket: first } = open(handler, 0)
  await expect.poll(() => first.bytes).toBe(ALL)
  const kept = await keptBytes(handler)
  expect(kept).toBeLessThanOrEqual(500_000)
  expect(kept).toBeGreaterThan(300_000)
  const { socket: second } = open(handler, 100)
  await expect.poll(() => second.bytes).toBe(ALL)
  expect(await keptBytes(handler)).toBeLessThanOrEqual(500_000)
})

it('counts what is kept for each name of a subscription, and nothing once nobody subscribes', async () => {
  const handler = await start(1_000_000_000)
  const first = open(handler, 0)
  await expect.poll(() => first.socket.bytes).toBe(ALL)
  const once = await keptBytes(handler)
  // The payload, and a frame of it.
  expect(once).toBeGreaterThanOrEqual(2 * ALL)
  const second = open(handler, 100)
  await expect.poll(() => second.socket.bytes).toBe(ALL)
  expect((await keptBytes(handler)) - once).toBeGreaterThanOrEqual(ALL)
  first.receiver.closed()
  expect(await keptBytes(handler)).toBeGreaterThan(once)
  second.receiver.closed()
  expect(await keptBytes(handler)).toBe(0)
})

it('gives everybody everything where there is room for no page at all', async () => {
  const server = await SocketTestServer.start({ sockets: { pageCacheBytes: 0, watermarkBytes: 100_000 } })
  closing.push(server)
  const paths = ['/v1/stream/a/1', '/v1/stream/b/1', '/v1/stream/c/1']
  for (const path of paths) await server.create(path)
  const clients = await Promise.all(paths.map(() => server.client()))
  for (const [place, client] of clients.entries()) {
    for (const [i, stream] of paths.entries()) {
      await client.do({ type: 'subscribe', sub: 10 * place + i, stream, offset: '-1' })
    }
  }
  clients[0]?.socket.pause()
  // More than the kernels of both ends take in for one that does not read.
  for (let i = 0; i < 100; i++) for (const path of paths) await server.append(path, PIECE)
  clients[0]?.socket.resume()
  for (const path of paths) await server.end(path)
  for (const [place, client] of clients.entries()) {
    for (const i of paths.keys()) {
      await client.until(() => client.hasEnded(10 * place + i))
      expect(client.bytes(10 * place + i).length).toBe(100 * PIECE.length)
    }
  }
})

it('keeps few frames of a page for those who call it otherwise, fewer of a large one, and one at least', () => {
  const framesKept = (bytes: number): number => {
    const info: StreamInfo = {
      name: { channel: 'a', run: '1' },
      id: 1,
      contentType: 'text/plain',
      tail: { record: 1, byte: bytes },
      createdAt: 0,
      updatedAt: 0,
      ending: null,
      ttlSeconds: null,
      expiresAt: null,
      writer: null,
      lease: null,
      chat: false,
    }
    let grown = 0
    const page = new SharedPage(
      { kind: 'page', info, records: [Buffer.alloc(bytes)], from: { record: 0, byte: 0 }, next: info.tail },
      false,
      () => (grown += 1),
    )
    const subs = Array.from({ length: 20 }, (_, sub) => sub)
    const frames = subs.map((sub) => page.frameFor(sub))
    expect(frames.map((frame) => decodeDataFrame(Buffer.from(frame))?.header.sub)).toEqual(subs)
    const kept = subs.filter((sub) => page.frameFor(sub) === frames[sub])
    expect(kept).toEqual(subs.slice(0, grown))
    expect(page.bytes).toBe(bytes + kept.reduce((sum, sub) => sum + (frames[sub]?.byteLength ?? NaN), 0))
    return kept.length
  }
  expect(framesKept(100)).toBe(8)
  expect(framesKept(300_000)).toBe(2)
  expect(framesKept(2_000_000)).toBe(1)
})
