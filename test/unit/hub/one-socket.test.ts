import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import '../../../src/client/content.ts'
import { eventually, startSocketNetwork, type SocketNetwork } from '../../support/socket-network.ts'
import { GatedModel } from '../server/gated-model.ts'
import { SocketWorld } from './socket-world.ts'

let network: SocketNetwork
let world: SocketWorld
let model: GatedModel

beforeEach(async () => {
  model = new GatedModel()
  network = await startSocketNetwork([model.offered])
  world = new SocketWorld()
  Object.assign(globalThis, { document: { baseURI: `${network.url}/` } })
})

afterEach(async () => {
  await world.close()
  await network.close()
})

const LINES = 'text/plain'
const socketsOf = async (): Promise<number> => (await network.figure('headwater_sockets')).sum
const readersOf = (): Promise<{ sum: number; most: number }> => network.figure('headwater_stream_readers')

/** A stream of the server, and a view of it. */
async function open(path: string, type = LINES, tab = world.openTab()) {
  await network.create(path, type)
  const channel = tab.channel(path)
  const streamId = await channel.open({ url: path, format: 'durable-stream' })
  return { channel, streamId, path, type }
}

describe('one socket', () => {
  it('carries fifty live streams, each of them live, and no other connection is open', async () => {
    const tab = world.openTab()
    const streams = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        open(`/v1/stream/fifty/${i}`, i % 2 ? LINES : 'application/octet-stream', tab),
      ),
    )
    await eventually(
      async () => (await readersOf()).sum === 50 && network.proxy.open === 0,
      'all streams on the socket',
    )
    for (const round of ['one\n', 'two\n']) {
      await Promise.all(streams.map(({ path, type }) => network.append(path, round, type)))
      for (const { streamId } of streams) {
        await eventually(async () => (await world.log(streamId)).data.toString().endsWith(round), round)
      }
    }
    for (const { channel, streamId } of streams) {
      expect([channel.status, channel.waitingFor]).toEqual(['streaming', undefined])
      expect((await world.log(streamId)).data.toString()).toBe('one\ntwo\n')
    }
    expect(await socketsOf()).toBe(1)
    expect(network.proxy.upgrades).toBe(1)
    expect(network.proxy.open).toBe(0)
    // I1, as the server sees it.
    expect((await readersOf()).most).toBe(1)
    await Promise.all(streams.map(({ path }) => network.end(path)))
    await eventually(() => streams.every(({ channel }) => channel.done), 'all to be done')
    world.clock.advance(15_000)
    await eventually(async () => (await socketsOf()) === 0, 'the idle socket to be closed')
  }, 60_000)

  it('carries a model run, whose POST was sent once, with the chunks that its events have', async () => {
    const channel = world.openTab().channel('chat:1')
    const body = { id: '1', messages: [{ id: 'm', role: 'user', parts: [{ type: 'text', text: 'Hello' }] }] }
    const streamId = await channel.send({ url: '/v1/chat', method: 'POST', body })
    await model.called
    model.say('Hel')
    await eventually(async () => network.proxy.open === 0 && (await readersOf()).sum === 1, 'the run on the socket')
    model.say('lo ✓')
    model.finish()
    await eventually(() => channel.done, 'the end')
    const { chunks } = await world.log(streamId)
    const row = await world.store.row(streamId)
    const run = new URL(row?.resumeUrl ?? '')
    const events = await (await fetch(run)).text()
    expect(chunks).toEqual([...events.matchAll(/^data: ?(.*)$/gm)].map(([, data]) => data))
    expect(chunks.at(-1)).toBe('[DONE]')
    expect(row?.contentType).toBe('text/event-stream')
    expect(network.proxy.seen.filter((request) => request.startsWith('POST'))).toHaveLength(1)
    expect(model.calls).toBe(1)
  })

  it.each(['refuse', 'swallow'] as const)(
    'is done without where a proxy will %s it, and used once that is over',
    async (how) => {
      network.proxy.sockets = how
      const { streamId, path, type, channel } = await open(`/v1/stream/broken/${how}`)
      await network.append(path, 'one\n', type)
      await eventually(async () => (await world.log(streamId)).data.toString() === 'one\n', 'the first line by HTTP')
      await eventually(() => network.proxy.upgrades > 0, 'an attempt')
      // The proxy that swallows is found out by time alone.
      for (let second = 0; second < 12; second++) {
        world.clock.advance(1_000)
        await new Promise<void>((resolve) => setImmediate(resolve))
      }
      await network.append(path, 'two\n', type)
      await eventually(
        async () => (await world.log(streamId)).data.toString() === 'one\ntwo\n',
        'the second line by HTTP',
      )
      expect(channel.status).toBe('streaming')
      network.proxy.sockets = 'pass'
      await eventually(async () => {
        world.clock.advance(1_000)
        return (await socketsOf()) === 1 && network.proxy.open === 0
      }, 'the stream on the socket')
      await network.append(path, 'three\n', type)
      await network.end(path)
      await eventually(() => channel.done, 'the end')
      expect((await world.log(streamId)).data.toString()).toBe('one\ntwo\nthree\n')
    },
  )

  it('breaks, and its stream goes on at once by HTTP, then over the next one', async () => {
    const { streamId, path, type, channel } = await open('/v1/stream/cut/1')
    await eventually(async () => (await readersOf()).sum === 1 && network.proxy.open === 0, 'the stream on the socket')
    network.proxy.sockets = 'refuse'
    network.proxy.cutSockets()
    await network.append(path, 'one\n', type)
    await eventually(async () => (await world.log(streamId)).data.toString() === 'one\n', 'the line by HTTP')
    expect(channel.status).toBe('streaming')
    network.proxy.sockets = 'pass'
    await eventually(async () => {
      world.clock.advance(1_000)
      return (await socketsOf()) === 1 && network.proxy.open === 0
    }, 'the stream on the next socket')
  })

  it('is left to the next hub when its hub is killed in mid-stream', async () => {
    const tab = world.openTab()
    const { streamId, path, type, channel } = await open('/v1/stream/killed/1', LINES, tab)
    await network.append(path, 'one\n', type)
    await eventually(async () => (await socketsOf()) === 1 && network.proxy.open === 0, 'the stream on the socket')
    await eventually(async () => (await world.log(streamId)).data.length > 0, 'the first line')
    world.killHub()
    await network.append(path, 'two\n', type)
    await eventually(() => world.hasHub, 'the next hub')
    await network.end(path)
    await eventually(() => channel.done, 'the end')
    expect((await world.log(streamId)).data.toString()).toBe('one\ntwo\n')
    expect((await readersOf()).sum).toBe(0)
  })
})

const step = fc.oneof(
  fc.record({ do: fc.constant('append' as const), text: fc.stringMatching(/^[a-zé€😀\r\n]{1,6}$/u) }),
  fc.record({ do: fc.constant('sockets' as const), mode: fc.constantFrom('pass', 'refuse', 'swallow') }),
  fc.record({ do: fc.constantFrom('cut sockets', 'cut all', 'wait', 'settle', 'kill') }),
)

describe('switches at random', () => {
  it.each(['application/json', LINES, 'application/octet-stream'])(
    'between socket, SSE and long-poll lose and double nothing of %s',
    async (type) => {
      let count = 0
      // fast-check prints seed and path of a failure.
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 16 }), async (steps) => {
          network.proxy.sockets = 'pass'
          const { streamId, path, channel } = await open(`/v1/stream/random/${++count}`, type)
          const sent: Buffer[] = []
          for (const each of steps) {
            if ('text' in each) {
              const message = type === 'application/json' ? JSON.stringify(each.text) : each.text
              // A character is torn between two appends.
              const pieces =
                type === 'application/json'
                  ? [message]
                  : [Buffer.from(message).subarray(0, 1), Buffer.from(message).subarray(1)]
              for (const piece of pieces) {
                const bytes = new Uint8Array(Buffer.from(piece))
                if (bytes.length > 0) await network.append(path, bytes, type)
                sent.push(Buffer.from(bytes))
              }
            } else if ('mode' in each) network.proxy.sockets = each.mode as 'pass'
            else if (each.do === 'cut sockets') network.proxy.cutSockets()
            else if (each.do === 'cut all') network.proxy.cut()
            else if (each.do === 'kill') {
              if (world.hasHub) world.killHub()
            } else if (each.do === 'wait') world.clock.advance(1_500)
            else for (let turn = 0; turn < 50; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
          }
          await network.end(path)
          await eventually(() => {
            world.clock.advance(250)
            return channel.done
          }, 'the end')
          const { data, chunks, gaps } = await world.log(streamId)
          const whole = Buffer.concat(sent).toString()
          expect(type === 'application/json' ? chunks.join('') : data.toString()).toBe(whole)
          expect(gaps).toBe(0)
        }),
        { numRuns: Number(process.env['HEADWATER_SWITCH_RUNS'] ?? 12) },
      )
    },
    120_000,
  )
})
