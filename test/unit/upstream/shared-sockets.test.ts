import { afterEach, describe, expect, it } from 'vitest'
import { HeadwaterError } from '../../../src/protocol/errors.ts'
import { createCancelUpstream } from '../../../src/upstream/cancel-upstream.ts'
import { createConnectUpstream } from '../../../src/upstream/connect-upstream.ts'
import { SharedSockets } from '../../../src/upstream/socket/shared-sockets.ts'
import { Subscription, WINDOW_BYTES } from '../../../src/upstream/socket/subscription.ts'
import type { ConnectUpstream, UpstreamRequest } from '../../../src/upstream/upstream.ts'
import { WayLost } from '../../../src/upstream/way-lost.ts'
import {
  startScriptedSocket,
  type ScriptedSide,
  type ScriptedSocketServer,
  type SeenFrame,
} from '../../support/scripted-socket.ts'
import { eventually, openSocket, startSocketNetwork, type SocketNetwork } from '../../support/socket-network.ts'
import { GatedModel } from '../server/gated-model.ts'
import { request, shown, source } from './collect.ts'
import { settle, Timers } from './timers.ts'

const closing: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** What reads a server, by HTTP until its socket is open. */
class Reader {
  readonly timers = new Timers()
  readonly sockets = new SharedSockets({ open: openSocket, now: () => 7, delay: this.timers.delay, random: () => 0.5 })
  readonly connect: ConnectUpstream = createConnectUpstream({ delay: this.timers.delay, sockets: this.sockets })

  constructor() {
    closing.push(() => this.sockets.close())
  }

  /** Learns of the socket from an answer, and waits until it is open. */
  async learn(wanted: UpstreamRequest): Promise<void> {
    const leave = new AbortController()
    await this.connect(wanted, leave.signal)
    await eventually(() => this.sockets.carries(wanted), 'the socket')
    leave.abort()
  }

  /** Reads over the socket, in the background. */
  ride(wanted: UpstreamRequest, signal = new AbortController().signal) {
    const state = {
      data: [] as string[],
      token: wanted.position.token,
      ending: undefined as unknown,
      error: null as unknown,
    }
    const reading = async (): Promise<void> => {
      for await (const frame of await this.connect({ ...wanted, shared: true }, signal)) {
        state.data.push(...frame.chunks.map(({ data }) => shown(data)))
        state.token = frame.position.token
        state.ending = frame.ending
      }
    }
    const done = reading().catch((error: unknown) => void (state.error = error))
    return { state, done }
  }
}

/** A reader that rides on a scripted socket. */
async function scripted(script: (side: ScriptedSide, frame: SeenFrame) => void) {
  const server: ScriptedSocketServer = await startScriptedSocket(script)
  closing.push(() => server.close())
  const reader = new Reader()
  const wanted = request(source({ url: `${server.url}/v1/stream/a/1?offset=1`, format: 'durable-stream' }))
  await reader.learn(wanted)
  return { server, reader, wanted }
}

const opened = { contentType: 'application/json', offset: '1' }

/** Answers a subscription, then goes on. */
const subscribed =
  (then: (side: ScriptedSide, sub: number) => void): Parameters<typeof scripted>[0] =>
  (side, { type, id, sub }) => {
    if (type !== 'subscribe') return
    side.say({ type: 'ok', id, opened })
    then(side, sub)
  }

describe('a socket that its server breaks the protocol on', () => {
  it.each<[string, (side: ScriptedSide, sub: number) => void]>([
    ['bytes that are no frame', ({ wire }) => wire.send(Buffer.from([255, 255, 255, 255, 1]))],
    ['data for a stream that nobody asked for', ({ data }, sub) => data(sub + 1000, '2', '["b"]')],
    ['text that is no JSON', ({ wire }) => wire.send('{')],
    ['JSON that is no frame', ({ wire }) => wire.send('[1]')],
    ['a frame whose fields are none', ({ say }) => say({ type: 'dropped', sub: 'all' })],
    ['a refusal of what was not asked', ({ say }) => say({ type: 'error', id: null, error: { status: 400 } })],
    ['its end', ({ wire }) => wire.terminate()],
  ])('is given up after %s, and nothing that came before is lost', async (_, fault) => {
    const { reader, wanted } = await scripted(
      subscribed((side, sub) => {
        side.data(sub, '2', '["b"]')
        fault(side, sub)
      }),
    )
    const { state, done } = reader.ride(wanted)
    await done
    expect(state).toMatchObject({ data: ['"b"'], token: '2' })
    expect(state.error).toBeInstanceOf(WayLost)
    expect(reader.sockets.carries(wanted)).toBe(false)
  })

  it.each<[string, (side: ScriptedSide, sub: number) => void]>([
    ['goes back', ({ data }, sub) => data(sub, '0', '["z"]')],
    ['is dropped', ({ say }, sub) => say({ type: 'dropped', sub, error: { code: 'gone', message: '', status: 410 } })],
  ])('costs a stream that %s its place on it, and no other stream', async (_, fault) => {
    let first: number | null = null
    const { reader, wanted } = await scripted(
      subscribed((side, sub) => {
        if (first === null) return void (first = sub)
        side.data(sub, '2', '["b"]')
        fault(side, sub)
        side.data(first, '2', '["of another"]')
      }),
    )
    const other = request(source({ url: `${wanted.source.url}&other`, format: 'durable-stream' }))
    const healthy = reader.ride({ ...other, position: { token: '1', skip: 0 } })
    await eventually(() => first !== null, 'the other stream')
    const { state, done } = reader.ride(wanted)
    await done
    expect(state.error).toBeInstanceOf(WayLost)
    expect(reader.sockets.carries(wanted)).toBe(false)
    await eventually(() => healthy.state.data.length > 0, 'the other stream’s data')
    expect(healthy.state).toMatchObject({ data: ['"of another"'], error: null })
    // The next answer over HTTP offers it again.
    await reader.learn(wanted)
  })

  it('sends more than the window of a stream lets through: that costs the stream its place', async () => {
    let left = 0
    const subscription = new Subscription('1', { ack: () => undefined, leave: () => left++ })
    subscription.open({ contentType: 'text/plain', offset: '1' })
    const payload = new Uint8Array(WINDOW_BYTES / 2)
    for (const next of ['2', '3']) subscription.take({ header: { sub: 1, next }, payload })
    expect(left).toBe(0)
    subscription.take({ header: { sub: 1, next: '4' }, payload })
    expect(left).toBe(1)
    await expect(subscription[Symbol.asyncIterator]().next()).rejects.toBeInstanceOf(WayLost)
  })

  it('cuts a page of JSON: the place does not move past what is missing', async () => {
    const { reader, wanted } = await scripted(subscribed(({ data }, sub) => data(sub, '3', '["b","c')))
    const { state, done } = reader.ride(wanted)
    await done
    expect(state).toMatchObject({ data: ['"b"'], error: { code: 'network' } })
    expect(state.token).not.toBe('3')
  })

  it('leaves a subscription without an answer: it is given up after half a minute', async () => {
    const { reader, wanted, server } = await scripted(() => undefined)
    const { state, done } = reader.ride(wanted)
    await eventually(() => server.frames.length > 0, 'the question')
    await reader.timers.runOut(2)
    await done
    expect(state.error).toBeInstanceOf(WayLost)
    expect(reader.sockets.carries(wanted)).toBe(false)
  })

  it('sends a stream back again and again: it stays with HTTP after the third time', async () => {
    const { reader, wanted } = await scripted(({ say }, { type, id }) => {
      if (type === 'subscribe') say({ type: 'error', id, error: { code: 'x', message: '', status: 404 } })
    })
    for (let time = 1; time <= 3; time++) {
      await reader.ride(wanted).done
      expect(reader.sockets.carries(wanted)).toBe(false)
      if (time < 3) await reader.learn(wanted)
    }
    await reader.connect(wanted, new AbortController().signal)
    await settle()
    expect(reader.sockets.carries(wanted)).toBe(false)
  })
})

describe('a socket that says nothing', () => {
  it('fault 16: is given up once four heartbeats are missing, and is kept while they come', async () => {
    const { reader, wanted, server } = await scripted((side, { type, id }) => {
      if (type === 'subscribe') side.say({ type: 'ok', id, opened })
      if (type === 'pong') beat = () => side.say({ type: 'ping' })
      else beat ??= () => side.say({ type: 'ping' })
    })
    let beat: (() => void) | undefined
    const { state, done } = reader.ride(wanted)
    await eventually(() => beat !== undefined, 'the subscription')
    for (let round = 1; round <= 3; round++) {
      await reader.timers.runOut(3)
      beat?.()
      await eventually(() => server.frames.filter(({ type }) => type === 'pong').length === round, 'a pong')
    }
    expect(state.error).toBeNull()
    await reader.timers.runOut(4)
    await done
    expect(state.error).toBeInstanceOf(WayLost)
  })

  it('is asked after the machine slept, and given up where it does not answer', async () => {
    let answers = true
    const { reader, wanted, server } = await scripted((side, { type, id }) => {
      if (type === 'subscribe' || answers) side.say({ type: 'ok', id, opened })
    })
    const { state, done } = reader.ride(wanted)
    const pings = (): number => server.frames.filter(({ type }) => type === 'ping').length
    await eventually(() => server.frames.length > 0, 'the subscription')
    reader.sockets.nudge()
    await eventually(() => pings() === 1, 'a question')
    await settle()
    expect(state.error).toBeNull()
    answers = false
    reader.sockets.nudge()
    await eventually(() => pings() === 2, 'a question')
    await reader.timers.runOut()
    await done
    expect(state.error).toBeInstanceOf(WayLost)
  })
})

describe('what a subscription carries', () => {
  it('has the credentials in its frame, and nothing of them in an address', async () => {
    const { reader, wanted, server } = await scripted(
      subscribed(({ data }, sub) => data(sub, '2', '["b"]', { ending: { kind: 'done' } })),
    )
    const headers = [
      ['authorization', 'Bearer secret'],
      ['cookie', 'not=for-pages'],
    ] as const
    const { state, done } = reader.ride({ ...wanted, headers })
    await done
    expect(state).toMatchObject({ data: ['"b"'], ending: { kind: 'done' }, error: null })
    expect(server.frames[0]).toMatchObject({
      stream: '/v1/stream/a/1',
      offset: '1',
      headers: { authorization: 'Bearer secret' },
      window: WINDOW_BYTES,
    })
    expect(server.frames[0]?.['headers']).not.toHaveProperty('cookie')
    expect(server.handshakes).toEqual(['/v1/ws'])
  })

  it('is left when its reader goes, also before it was answered', async () => {
    let answer: (() => void) | undefined
    const { reader, wanted, server } = await scripted((side, { type, id, sub }) => {
      if (type === 'subscribe')
        answer = () => {
          side.say({ type: 'ok', id, opened })
          side.data(sub, '2', '["on its way"]')
        }
      else side.say({ type: 'ok', id })
    })
    const leaving = new AbortController()
    const { state, done } = reader.ride(wanted, leaving.signal)
    await eventually(() => answer !== undefined, 'the question')
    leaving.abort()
    await done
    expect(state.error).toBeInstanceOf(HeadwaterError)
    answer?.()
    await eventually(() => server.frames.at(-1)?.type === 'unsubscribe', 'the farewell')
    expect(reader.sockets.carries(wanted)).toBe(true)
  })
})

describe('with the real server', () => {
  async function start(models: Parameters<typeof startSocketNetwork>[0] = []): Promise<SocketNetwork> {
    const network = await startSocketNetwork(models)
    closing.push(() => network.close())
    return network
  }

  it('a stream whose reader stands still holds up no other one, and comes whole later', async () => {
    const network = await start()
    const reader = new Reader()
    const type = 'text/plain'
    const wanted = (run: string): UpstreamRequest =>
      request(source({ url: `${network.url}/v1/stream/slow/${run}`, format: 'durable-stream' }))
    await network.create('/v1/stream/slow/large', type)
    await network.create('/v1/stream/slow/small', type)
    await reader.learn(wanted('small'))
    const still = await reader.connect({ ...wanted('large'), shared: true }, new AbortController().signal)
    const large = 'x'.repeat(1_000_000)
    for (let time = 0; time < 4; time++) await network.append('/v1/stream/slow/large', large, type)
    const { state } = reader.ride(wanted('small'))
    for (const line of ['one', 'two', 'three']) {
      await network.append('/v1/stream/slow/small', line, type)
      await eventually(() => state.data.join('').endsWith(line), line)
    }
    await network.end('/v1/stream/slow/large')
    let length = 0
    for await (const { chunks } of still) for (const { data } of chunks) length += data.length
    expect(length).toBe(4_000_000)
  })

  it('a cancel goes over the socket where one is open, and by HTTP where none is', async () => {
    const model = new GatedModel()
    const network = await start([model.offered])
    const reader = new Reader()
    const cancel = createCancelUpstream({ shared: (what) => reader.sockets.cancel(what) })
    const chat = source({
      url: `${network.url}/v1/chat`,
      method: 'POST',
      headers: [['content-type', 'application/json']],
      body: JSON.stringify({ id: 'c', messages: [{ id: 'm', role: 'user', parts: [{ type: 'text', text: 'Hi' }] }] }),
    })
    const { head } = await reader.connect(request(chat), new AbortController().signal)
    const run = request(chat, { resuming: true, resumeUrl: head.resumeUrl, dialect: head.dialect })
    await eventually(() => reader.sockets.carries(run), 'the socket')
    const posts = (): string[] => network.proxy.seen.filter((line) => line.includes('/cancel'))
    const { state, done } = reader.ride(run)
    await model.called
    await cancel({ url: head.cancelUrl ?? '' })
    expect(posts()).toEqual([])
    await done
    expect(model.signal?.aborted).toBe(true)
    expect(state).toMatchObject({ ending: { kind: 'cancelled' }, error: null })
    reader.sockets.close()
    await cancel({ url: head.cancelUrl ?? '' })
    expect(posts()).toHaveLength(1)
  })
})
