import type { MessagePort as NodePort } from 'node:worker_threads'
import * as Comlink from 'comlink'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import '../../../src/client/content.ts'
import type { HubChannel } from '../../../src/client/hub-channel.ts'
import { TabLink } from '../../../src/hub/tab-link.ts'
import { acquireLock } from '../../../src/liveness/locks.ts'
import type { Attach, Hello, HubPort, TabPort } from '../../../src/protocol/hub-port.ts'
import { backChannel, tabLock } from '../../../src/protocol/names.ts'
import { source, until, World } from './world.ts'

let world: World
let victim: HubChannel

/** Whatever a faulty tab does, this one notices nothing: it goes on reading, and its verbs work. */
async function expectUnharmed(): Promise<void> {
  const seq = victim.seq
  world.upstream.release('x')
  await until(() => victim.seq === seq + 1, 'the other tab to read on')
  await victim.stop()
  await until(() => victim.status === 'stopped')
  await victim.resume()
  await until(() => victim.status === 'streaming')
  expect(victim.failure).toBeNull()
}

beforeEach(async () => {
  world = new World()
  Object.assign(globalThis, { document: { baseURI: 'http://upstream.test/' } })
  victim = world.openTab().channel('build')
  void victim.text
  await victim.open({ url: '/log' })
  world.upstream.release('a')
  await until(() => victim.text === 'a')
})

afterEach(async () => {
  await expectUnharmed()
  world.upstream.end()
  await world.close()
})

const settle = async (turns = 30): Promise<void> => {
  for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}

/** A port to the hub, with nothing behind it that would keep to the protocol. */
function rawPort(): { port: MessagePort; hub: Comlink.Remote<HubPort>; isClosed: () => boolean } {
  const { port1, port2 } = new MessageChannel()
  let closed = false
  ;(port1 as unknown as NodePort).once('close', () => (closed = true))
  new TabLink(world.hub, port2)
  return { port: port1, hub: Comlink.wrap<HubPort>(port1), isClosed: () => closed }
}

const honest: TabPort = {
  deliver: (batch) => Promise.resolve({ next: batch.toSeq }),
  gone: () => Promise.resolve(),
  durable: () => Promise.resolve(),
  streamChanged: () => Promise.resolve(),
  published: () => Promise.resolve(),
  headers: () => Promise.resolve(null),
}

/** A tab that said hello, and answers as it likes. */
async function greet(answers: Partial<TabPort> = {}, clientId = 'faulty', more: Partial<Hello> = {}) {
  const raw = rawPort()
  const { port1, port2 } = new MessageChannel()
  Comlink.expose({ ...honest, ...answers }, port1)
  const hello = { protocol: 1, minProtocol: 1, clientId, ...more }
  const welcome = await raw.hub.hello(hello, Comlink.transfer(port2, [port2]))
  expect(welcome).toMatchObject({ ok: true })
  return { ...raw, back: port1 }
}

const attach: Attach = { cursorId: 1, channel: 'build', streamId: null, from: 1 }

/** A tab of that name lives. */
const live = (clientId: string) => acquireLock(world.locks.agent(clientId), tabLock(clientId))

describe('a port that says garbage', () => {
  const call = { id: '1', type: 'APPLY', path: ['streams'], argumentList: [] }
  it.each([
    ['a text', 'hello'],
    ['a number', 7],
    ['an empty object', {}],
    ['a list', [call]],
    ['a method that is none', { ...call, path: ['nothing'] }],
    ['what every object has', { ...call, path: ['constructor'] }],
    ['a path into the hub', { ...call, path: ['hello', 'constructor', 'constructor'] }],
    ['a method to be read', { ...call, type: 'GET' }],
    ['a method to be replaced', { ...call, type: 'SET', value: { type: 'RAW', value: 1 } }],
    ['an object to be made', { ...call, type: 'CONSTRUCT' }],
    ['a port to be made', { ...call, type: 'ENDPOINT' }],
    ['arguments that are no list', { ...call, argumentList: 'none' }],
    ['an argument that is none', { ...call, argumentList: [null] }],
    ['an argument that throws when it is unpacked', { ...call, argumentList: [{ type: 'HANDLER', name: 'throw' }] }],
    ['an argument of an unknown kind', { ...call, argumentList: [{ type: 'HANDLER', name: 'unknown' }] }],
    ['a call without an id', { ...call, id: undefined }],
  ])('%s: is closed', async (_, message) => {
    const { port, isClosed } = rawPort()
    port.postMessage(message)
    await until(isClosed, 'the port to be closed')
  })

  it('whatever it is, is closed or answered', async () => {
    await fc.assert(
      fc.asyncProperty(fc.anything({ withDate: true, withTypedArray: true, withMap: true }), async (message) => {
        const { port } = rawPort()
        try {
          port.postMessage(message)
          port.postMessage({ ...call, argumentList: [{ type: 'RAW', value: message }] })
        } catch {
          // What cannot be cloned reaches nobody.
        }
        await settle(3)
        port.close()
      }),
      { numRuns: 50 },
    )
  })
})

describe('a port that does not keep to the handshake', () => {
  it.each([
    ['attach', (hub: Comlink.Remote<HubPort>) => hub.attach(attach)],
    [
      'start',
      (hub: Comlink.Remote<HubPort>) =>
        hub.start({ streamId: 's', channel: 'build', source: source(), mode: 'replace' }),
    ],
    [
      'verb',
      (hub: Comlink.Remote<HubPort>) => hub.verb({ verbId: 'v', kind: 'cancel', streamId: victim.streamId as string }),
    ],
    ['forget', (hub: Comlink.Remote<HubPort>) => hub.forget({ channel: 'build' })],
    ['clear', (hub: Comlink.Remote<HubPort>) => hub.clear()],
    ['bye', (hub: Comlink.Remote<HubPort>) => hub.bye()],
  ])('%s before hello is refused', async (_, ask) => {
    const { hub, port } = rawPort()
    expect(await ask(hub)).toMatchObject({ ok: false, error: { code: 'bad-message' } })
    port.close()
  })

  it.each([
    ['older than the hub knows', { protocol: 0, minProtocol: 0 }, 'Reload the page.'],
    ['newer than the hub knows', { protocol: 99, minProtocol: 98 }, 'Close the other tabs'],
  ])('a version %s is refused with both named, and with what to do', async (_, versions, advice) => {
    const { hub, port } = rawPort()
    const { port2 } = new MessageChannel()
    const answer = await hub.hello({ ...versions, clientId: 'x' }, Comlink.transfer(port2, [port2]))
    expect(answer).toMatchObject({
      ok: false,
      error: {
        code: 'incompatible',
        message: expect.stringContaining(advice),
        data: { page: [versions.minProtocol, versions.protocol], hub: expect.anything() },
      },
    })
    port.close()
  })

  it('a second hello, and one without a port, are refused', async () => {
    const held = await live('faulty')
    const { hub, port } = await greet()
    const { port2 } = new MessageChannel()
    const hello = { protocol: 1, minProtocol: 1, clientId: 'other' }
    expect(await hub.hello(hello, Comlink.transfer(port2, [port2]))).toMatchObject({ error: { code: 'bad-message' } })
    const { hub: another, port: anotherPort } = rawPort()
    expect(await another.hello(hello, 'no port' as never)).toMatchObject({ error: { code: 'bad-message' } })
    for (const open of [port, anotherPort]) open.close()
    held.release()
  })

  it('one that never says hello is closed after a minute, so that a tab that crashed before it leaves nothing behind', async () => {
    const { isClosed } = rawPort()
    await settle()
    world.clock.advance(59_000)
    await settle()
    expect(isClosed()).toBe(false)
    world.clock.advance(1_000)
    await until(isClosed, 'the port to be closed')
  })

  it('a port for the way back that is closed already, or closes in mid-delivery, hurts nobody else', async () => {
    const held = await live('faulty')
    const { hub, back } = await greet()
    back.close()
    expect(await hub.attach(attach)).toMatchObject({ ok: true })
    await settle()
    held.release()
  })
})

describe('a tab that claims to be another', () => {
  it('is refused, with a port and with the other one’s channel, and that one does not notice', async () => {
    const held = await live('someone')
    const delivered: number[] = []
    const { hub: first, port } = await greet(
      { deliver: (batch) => (delivered.push(batch.toSeq), honest.deliver(batch)) },
      'someone',
    )
    await first.attach(attach)
    const impostor = rawPort()
    const { port1, port2 } = new MessageChannel()
    const hello = { protocol: 1, minProtocol: 1, clientId: 'someone' }
    for (const back of [Comlink.transfer(port2, [port2]), backChannel('someone')]) {
      const answer = await impostor.hub.hello(hello, back as never)
      expect(answer).toMatchObject({ error: { code: 'bad-message' } })
      expect(await impostor.hub.attach(attach)).toMatchObject({ error: { code: 'bad-message' } })
    }
    impostor.port.close()
    port1.close()
    world.upstream.release('b')
    await until(() => delivered.at(-1) === 3, 'the one that it claimed to be')
    port.close()
    held.release()
  })

  it('whose name nobody holds is dropped at once: there is no such tab', async () => {
    const { isClosed } = await greet({}, 'nobody')
    await until(isClosed, 'the port to be closed')
  })
})

describe('a tab that floods the hub', () => {
  it('with views: gets a thousand, and a typed refusal for the next', async () => {
    const held = await live('faulty')
    const { hub, port } = await greet()
    const answers = await Promise.all(
      Array.from({ length: 1_200 }, (_, cursorId) => hub.attach({ ...attach, cursorId, chunks: false })),
    )
    expect(answers.filter(({ ok }) => ok)).toHaveLength(1_000)
    expect(answers.at(-1)).toMatchObject({ error: { code: 'too-large' } })
    // Those that it has it may attach again, as every page does whose view is cut back.
    expect(await hub.attach({ ...attach, cursorId: 5, chunks: false })).toMatchObject({ ok: true })
    expect(await hub.bye()).toMatchObject({ ok: true })
    port.close()
    held.release()
  })

  it('with channels to listen to: gets a thousand, and a typed refusal for the next', async () => {
    const held = await live('faulty')
    const { hub, port } = await greet()
    for (let i = 0; i < 1_000; i++) expect(await hub.listen(`channel-${i}`, true)).toMatchObject({ ok: true })
    expect(await hub.listen('one-more', true)).toMatchObject({ ok: false, error: { code: 'too-large' } })
    port.close()
    held.release()
  })

  it('with large messages: is refused at the door, and nothing is stored', async () => {
    const held = await live('faulty')
    const { hub, port } = await greet()
    const start = { streamId: 'large', channel: 'build', source: source(), mode: 'replace' as const }
    const huge = 'x'.repeat(17 * 1024 * 1024)
    for (const request of [
      { ...start, source: source({ body: huge }) },
      { ...start, meta: huge },
      { ...start, channel: huge },
    ]) {
      expect(await hub.start(request)).toMatchObject({ ok: false, error: { code: expect.stringMatching(/^bad-/) } })
    }
    expect(await world.store.row('large')).toBeUndefined()
    port.close()
    held.release()
  })
})

describe('a tab that takes deliveries badly', () => {
  it.each<[string, TabPort['deliver']]>([
    ['throws', () => Promise.reject(new Error('No.'))],
    ['answers with nothing', () => Promise.resolve(undefined as never)],
    ['answers with a text', () => Promise.resolve('next' as never)],
    ['acknowledges what it never got', () => Promise.resolve({ next: 1_000_000 })],
    ['acknowledges half a chunk', () => Promise.resolve({ next: 1.5 })],
    ['acknowledges less than nothing', () => Promise.resolve({ next: -1 })],
    ['wants the same for ever', () => Promise.resolve({ next: 1 })],
  ])('%s: loses its view, and nothing more is sent', async (_, deliver) => {
    const held = await live('faulty')
    let deliveries = 0
    const { hub, port } = await greet({ deliver: (batch) => ((deliveries += 1), deliver(batch)) })
    await hub.attach(attach)
    const session = await world.hub.session(victim.streamId as string)
    await until(() => session.listeners.size === 1, 'its cursor to go')
    const before = deliveries
    expect(before).toBeLessThan(12)
    world.upstream.release('b')
    await until(() => victim.text === 'ab')
    expect(deliveries).toBe(before)
    // The port lives: it may attach again, and behave.
    expect(await hub.attach({ ...attach, from: 3 })).toMatchObject({ ok: true })
    port.close()
    held.release()
  })

  it('never answers: one batch is in flight, whatever comes', async () => {
    const held = await live('faulty')
    let deliveries = 0
    const { hub, port } = await greet({ deliver: () => ((deliveries += 1), new Promise(() => undefined)) })
    await hub.attach(attach)
    await until(() => deliveries === 1)
    for (let i = 0; i < 50; i++) {
      world.upstream.release('b')
      await settle(2)
    }
    await until(() => victim.seq === 51)
    expect(deliveries).toBe(1)
    port.close()
    held.release()
  })

  it('never says that it heard whether chunks are stored: it is told once, and the newest after that', async () => {
    const held = await live('faulty')
    const told: boolean[] = []
    let hear: () => void = () => undefined
    const heard = new Promise<void>((resolve) => (hear = resolve))
    const { port } = await greet({ durable: (durable) => (told.push(durable), heard) })
    for (let i = 0; i < 50; i++) {
      for (const tab of world.hub.tabs) tab.durableChanged(i % 2 === 0)
      await settle(2)
    }
    expect(told).toEqual([true])
    hear()
    await until(() => told.length > 1, 'the newest')
    await settle()
    expect(told).toEqual([true, false])
    port.close()
    held.release()
  })

  it('never answers a question for headers: it is not asked the same again meanwhile', async () => {
    const held = await live('faulty')
    let asked = 0
    const greeted = await greet({ headers: () => ((asked += 1), new Promise(() => undefined)) }, 'faulty', {
      givesHeaders: true,
    })
    const { connection } = world.openTab()
    const secret = source({ credentials: true, url: 'http://upstream.test/secret' })
    await connection.call((hub) => hub.start({ streamId: 'secret', channel: 'secret', source: secret, mode: 'join' }))
    await until(() => asked === 1, 'the question')
    for (let i = 0; i < 20; i++) {
      world.clock.advance(20_000)
      await settle()
    }
    expect(asked).toBe(1)
    greeted.port.close()
    held.release()
  })

  it('answers a question for headers with garbage: the others are asked', async () => {
    const held = await live('faulty')
    const { port } = await greet({ headers: () => Promise.resolve([['only a name']] as never) })
    const giver = world.openTab(() => Promise.resolve([['authorization', 'good']]))
    const tab = giver.channel('secret')
    await giver.connection.call((hub) =>
      hub.start({ streamId: 'secret', channel: 'secret', source: source({ credentials: true }), mode: 'join' }),
    )
    await until(() => tab.status === 'streaming')
    expect(world.upstream.requests.at(-1)?.headers).toEqual([['authorization', 'good']])
    port.close()
    held.release()
  })
})
