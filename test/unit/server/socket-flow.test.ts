import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { createStreamHandler } from '../../../src/server/handler.ts'
import type { OpenSocket } from '../../../src/server/socket/open-socket.ts'
import { MemoryStreamStore } from '../../../src/server/stores/memory.ts'
import { GatedModel } from './gated-model.ts'
import type { SocketClient } from './socket-client.ts'
import { SocketTestServer } from './socket-server.ts'

const servers: SocketTestServer[] = []

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

async function start(...options: Parameters<typeof SocketTestServer.start>): Promise<SocketTestServer> {
  const server = await SocketTestServer.start(...options)
  servers.push(server)
  return server
}

const PATHS = ['/v1/stream/a/1', '/v1/stream/b/1', '/v1/stream/c/1']

/** What a reader has of each stream, over all the sockets that it had. */
class Reader {
  readonly bytes = PATHS.map(() => Buffer.alloc(0))
  readonly offsets = PATHS.map(() => '-1')
  readonly #server: SocketTestServer
  #client: SocketClient | null = null

  constructor(server: SocketTestServer) {
    this.#server = server
  }

  async connect(): Promise<void> {
    const client = await this.#server.client()
    this.#client = client
    // Not waited for: the next cut may come before the answers do.
    for (const [sub, stream] of PATHS.entries()) {
      void client.ask({ type: 'subscribe', sub, stream, offset: this.offsets[sub] ?? '-1' })
    }
  }

  /** Takes what came, and drops the connection, whatever is on the way. */
  cut(): void {
    this.#take()
    this.#client?.socket.terminate()
  }

  /** Resolves once all streams have ended. */
  async end(): Promise<void> {
    const client = this.#client
    await client?.until(() => PATHS.every((_, sub) => client.hasEnded(sub)))
    this.#take()
  }

  #take(): void {
    for (const sub of PATHS.keys()) {
      const client = this.#client
      if (client === null) continue
      this.bytes[sub] = Buffer.concat([this.bytes[sub] ?? Buffer.alloc(0), client.bytes(sub)])
      this.offsets[sub] = client.lastHeader(sub)?.next ?? this.offsets[sub] ?? '-1'
      client.received.delete(sub)
    }
  }
}

describe('a reader that is cut off again and again', () => {
  const act = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ stream: fc.nat(PATHS.length - 1), size: fc.integer({ min: 1, max: 90_000 }) }),
    },
    { weight: 1, arbitrary: fc.constant('cut' as const) },
  )

  it('has every byte once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 20, maxLength: 60 }), async (acts) => {
        const server = await start()
        const written = PATHS.map((): Buffer[] => [])
        for (const path of PATHS) await server.create(path)
        const reader = new Reader(server)
        await reader.connect()
        let byte = 0
        for (const each of acts) {
          if (each === 'cut') {
            reader.cut()
            await reader.connect()
            continue
          }
          const piece = Buffer.alloc(each.size, byte++ % 251)
          written[each.stream]?.push(piece)
          await server.append(PATHS[each.stream] ?? '', piece)
        }
        for (const path of PATHS) await server.end(path)
        await reader.end()
        for (const [i, pieces] of written.entries()) expect(reader.bytes[i]?.equals(Buffer.concat(pieces))).toBe(true)
      }),
      // fast-check prints seed and path of a failure.
      { numRuns: Number(process.env['SOCKET_CUT_RUNS'] ?? 4) },
    )
  })
})

describe('a client that does not read', () => {
  const PIECE = Buffer.alloc(60_000, 'x')
  // What the kernels of both ends take in before the server sees that nobody reads, and a good deal more.
  const PIECES = 300

  it('costs the watermark and one frame, and gets everything once it reads', async () => {
    const server = await start({ sockets: { watermarkBytes: 100_000 } })
    await server.create('/v1/stream/a/1')
    const client = await server.client()
    const [socket] = server.accepted
    await client.do({ type: 'subscribe', sub: 1, stream: '/v1/stream/a/1', offset: '-1' })
    client.socket.pause()
    let most = 0
    for (let i = 0; i < PIECES; i++) {
      await server.append('/v1/stream/a/1', PIECE)
      most = Math.max(most, socket?.bufferedAmount ?? Infinity)
    }
    expect(most).toBeGreaterThanOrEqual(100_000)
    expect(most).toBeLessThan(100_000 + 64 * 1024 + 1000)
    client.socket.resume()
    await server.end('/v1/stream/a/1')
    await client.until(() => client.hasEnded(1))
    expect(client.bytes(1).length).toBe(PIECE.length * PIECES)
  })

  it('is cut after a while, and goes on from its offset', async () => {
    let now = 0
    const server = await start({ sockets: { watermarkBytes: 100_000 }, now: () => now })
    await server.create('/v1/stream/a/1')
    const slow = await server.client()
    await slow.do({ type: 'subscribe', sub: 1, stream: '/v1/stream/a/1', offset: '-1' })
    slow.socket.pause()
    for (let i = 0; i < PIECES; i++) await server.append('/v1/stream/a/1', PIECE)
    await server.end('/v1/stream/a/1')
    now = 30_001
    await expect.poll(() => server.figures()).toContain('headwater_sockets 0\n')
    slow.socket.resume()
    // The goodbye where it still came through, else the cut.
    expect([1013, 1006]).toContain((await slow.closed).code)
    const next = await server.client()
    const offset = slow.lastHeader(1)?.next ?? '-1'
    await next.do({ type: 'subscribe', sub: 1, stream: '/v1/stream/a/1', offset })
    await next.until(() => next.hasEnded(1))
    expect(slow.bytes(1).length + next.bytes(1).length).toBe(PIECE.length * PIECES)
  })

  it('does not hold up another one', async () => {
    const server = await start({ sockets: { watermarkBytes: 100_000 } })
    await server.create('/v1/stream/a/1')
    const [slow, fast] = await Promise.all([server.client(), server.client()])
    for (const client of [slow, fast]) {
      await client.do({ type: 'subscribe', sub: 1, stream: '/v1/stream/a/1', offset: '-1' })
    }
    slow.socket.pause()
    for (let i = 0; i < PIECES; i++) await server.append('/v1/stream/a/1', PIECE)
    await server.end('/v1/stream/a/1')
    await fast.until(() => fast.hasEnded(1))
    expect(fast.bytes(1).length).toBe(PIECE.length * PIECES)
  })
})

describe('a client that asks much at once', () => {
  it('is answered everything, in its order', async () => {
    const server = await start()
    for (let run = 0; run < 20; run++) await server.create(`/v1/stream/a/${run}`)
    const client = await server.client()
    const order: number[] = []
    const asked = Array.from({ length: 300 }, async (_, i) => {
      const { type } = await client.ask(i % 2 === 0 ? { type: 'history', channel: 'a' } : { type: 'ping' })
      order.push(i)
      return type
    })
    expect(new Set(await Promise.all(asked))).toEqual(new Set(['ok']))
    expect(order).toEqual(asked.map((_, i) => i))
  })
})

describe('with a window', () => {
  it('is sent no more than that without an acknowledgement, while other subscriptions go on', async () => {
    const server = await start()
    for (const path of PATHS) await server.create(path)
    const client = await server.client()
    const [held, free] = PATHS as [string, string]
    for (let i = 0; i < 10; i++) await server.append(held, Buffer.alloc(40_000, 'x'))
    await client.do({ type: 'subscribe', sub: 1, stream: held, offset: '-1', window: 50_000 })
    await client.do({ type: 'subscribe', sub: 2, stream: free, offset: '-1' })
    await server.append(free, 'free')
    await client.until(() => client.text(2) === 'free')
    await client.do({ type: 'ping' })
    // One frame may go beyond it.
    expect(client.bytes(1).length).toBe(80_000)
    client.note({ type: 'ack', sub: 1, bytes: 80_000 })
    await client.until(() => client.bytes(1).length === 160_000)
    await client.do({ type: 'ping' })
    expect(client.bytes(1).length).toBe(160_000)
  })
})

/** A socket whose other side never takes anything, until it is told to. */
class StuckSocket implements OpenSocket {
  bufferedAmount = 0
  readonly sent: (string | Uint8Array)[] = []
  closedWith: [number, string] | null = null
  isPaused = false

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
  }

  send(frame: string | Uint8Array<ArrayBuffer>): void {
    this.sent.push(frame)
    this.bufferedAmount += frame.length
  }

  close(code: number, reason: string): void {
    this.closedWith = [code, reason]
  }

  get data(): Uint8Array[] {
    return this.sent.filter((frame) => typeof frame !== 'string')
  }
}

describe('a socket of any runtime', () => {
  it('is closed with "come back" when it stayed full for too long, by the clock', async () => {
    let now = 0
    const store = new MemoryStreamStore()
    const name = { channel: 'a', run: '1' }
    const handler = createStreamHandler({ store, sockets: { watermarkBytes: 1000, stallMs: 500 }, now: () => now })
    await store.create(name, { contentType: 'text/plain', records: [Buffer.alloc(5000)] })
    const socket = new StuckSocket()
    const receiver = handler.acceptSocket(new Request('http://127.0.0.1/v1/ws'), socket)
    receiver.receive(JSON.stringify({ type: 'subscribe', id: 1, sub: 1, stream: '/v1/stream/a/1', offset: '-1' }))
    await expect.poll(() => socket.data.length).toBe(1)
    await store.append(name, { contentType: 'text/plain', records: [Buffer.alloc(5000)] })
    now = 500
    // Room in time: what waited is sent, and the time counts anew. Nobody says that there is room, so it is looked for.
    socket.bufferedAmount = 0
    await expect.poll(() => socket.data.length).toBe(2)
    await store.append(name, { contentType: 'text/plain', records: [Buffer.alloc(5000)] })
    now = 1000
    socket.bufferedAmount = 0
    receiver.drained()
    await expect.poll(() => socket.data.length).toBe(3)
    await store.append(name, { contentType: 'text/plain', records: [Buffer.alloc(5000)] })
    await expect
      .poll(() => handler.fetch(new Request('http://127.0.0.1/metrics')).then((r) => r.text()))
      .toContain('headwater_sockets 1\n')
    now = 1501
    await expect.poll(() => socket.closedWith).toEqual([1013, 'too-slow'])
    expect(socket.data.length).toBe(3)
    await handler.close()
  })

  it('is answered one request after the other as there is room, and not read meanwhile', async () => {
    let now = 0
    const handler = createStreamHandler({
      store: new MemoryStreamStore(),
      sockets: { watermarkBytes: 1000, stallMs: 500 },
      now: () => now,
    })
    const socket = new StuckSocket()
    const receiver = handler.acceptSocket(new Request('http://127.0.0.1/v1/ws'), socket)
    socket.bufferedAmount = 1000
    for (let id = 1; id <= 3; id++) receiver.receive(JSON.stringify({ type: 'ping', id }))
    // What cannot be understood has an answer as well.
    receiver.receive('{')
    expect([socket.sent.length, socket.isPaused]).toEqual([1, true])
    for (let answers = 1; answers <= 4; answers++) {
      // In all it takes longer than a socket may be full, but each time there was room.
      now += 400
      socket.bufferedAmount = 999
      receiver.drained()
      await expect.poll(() => socket.sent.length).toBe(1 + answers)
    }
    const [, ...answers] = socket.sent.map((frame) => JSON.parse(frame as string) as unknown)
    expect(answers).toMatchObject([1, 2, 3, null].map((id) => ({ id })))
    await expect.poll(() => socket.isPaused).toBe(false)
    await handler.close()
  })

  it('is not taken for silent while it is not read', async () => {
    let now = 0
    const store = new MemoryStreamStore()
    const handler = createStreamHandler({ store, sockets: {}, heartbeatMs: 5, now: () => now })
    let goOn = (): void => {}
    const runs = store.runs.bind(store)
    store.runs = async (channel) => {
      await new Promise<void>((resolve) => (goOn = resolve))
      return runs(channel)
    }
    const socket = new StuckSocket()
    const receiver = handler.acceptSocket(new Request('http://127.0.0.1/v1/ws'), socket)
    for (let id = 1; id <= 2; id++) receiver.receive(JSON.stringify({ type: 'history', id, channel: 'none' }))
    now = 1000
    const pings = (): number => socket.sent.filter((frame) => frame === '{"type":"ping"}').length
    await expect.poll(pings).toBeGreaterThan(2)
    goOn()
    await expect.poll(() => socket.isPaused).toBe(false)
    const before = pings()
    await expect.poll(pings).toBeGreaterThan(before)
    now = 2000
    await expect.poll(() => socket.closedWith).toEqual([1013, 'silent'])
    goOn()
    await handler.close()
  })

  it('is closed when its client cannot be held up, and asks on and on', async () => {
    const store = new MemoryStreamStore()
    const handler = createStreamHandler({ store, sockets: { watermarkBytes: 1000, maxFrameBytes: 1000 } })
    const socket = new StuckSocket()
    const receiver = handler.acceptSocket(new Request('http://127.0.0.1/v1/ws'), socket)
    socket.bufferedAmount = 1000
    const frame = JSON.stringify({ type: 'history', id: 1, channel: 'none' })
    for (let length = 0; length <= 5000; length += frame.length) receiver.receive(frame)
    expect(socket.closedWith).toBe(null)
    receiver.receive(frame)
    expect(socket.closedWith).toEqual([1013, 'too-slow'])
    await handler.close()
  })
})

describe('heartbeats', () => {
  it('go both ways for as long as both answer', async () => {
    const server = await start({ heartbeatMs: 20 })
    const client = await server.client()
    expect(client.welcome.heartbeat).toBe(1)
    await client.until(() => client.notes.filter(({ type }) => type === 'ping').length >= 10)
    await client.do({ type: 'ping' })
  })

  it('end a client that has gone silent', async () => {
    const server = await start({ heartbeatMs: 20 })
    const client = await server.client()
    client.answersPings = false
    expect(await client.closed).toEqual({ code: 1013, reason: 'silent' })
    await expect.poll(() => server.figures()).toContain('headwater_sockets 0\n')
  })
})

describe('a server that closes', () => {
  it('tells the endings of its runs first, and then everybody to come back', async () => {
    const model = new GatedModel()
    const server = await start({ models: [model.offered] })
    const client = await server.client()
    await client.do({ type: 'subscribe', sub: 1, channel: 'c', offset: '-1' })
    const body = JSON.stringify({ id: 'c', messages: [{ role: 'user', parts: [{ type: 'text', text: 'hi' }] }] })
    await (await fetch(`${server.url}/v1/chat`, { method: 'POST', body })).body?.cancel()
    await model.called
    await client.until(() => client.of(1).length > 0)
    await server.handler.close()
    expect(await client.closed).toEqual({ code: 1012, reason: 'closing' })
    expect(client.lastHeader(1)?.ending).toEqual({ kind: 'error', code: 'producer-lost' })
    const response = await fetch(`${server.url}/v1/ws`)
    expect(response.status).toBe(503)
  })
})
