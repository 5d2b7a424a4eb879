import { afterEach, beforeEach, describe, expect, it } from 'vitest'
// What a page loads at the first reading of `text`: here it is to take no turns of the event loop.
import '../../../src/client/content.ts'
import '../../../src/client/log-reader.ts'
import '../../../src/client/producer.ts'
import { until, World } from './world.ts'

let world: World

beforeEach(() => {
  world = new World()
  // The page's address, which a worker of Node does not have.
  Object.assign(globalThis, { document: { baseURI: 'http://upstream.test/' } })
})

afterEach(async () => {
  world.upstream.end()
  await world.close()
})

describe('one stream and its tabs', () => {
  it('delivers to two tabs over one upstream connection', async () => {
    const one = world.openTab().channel('build')
    const two = world.openTab().channel('build')
    void one.text
    void two.text
    await one.open({ url: '/log', format: 'text' })
    world.upstream.release('a', 'b')
    await until(() => one.text === 'ab' && two.text === 'ab', 'both tabs')
    world.upstream.release('c')
    world.upstream.end()
    await until(() => one.done && two.done, 'both tabs to be done')
    expect(two.text).toBe('abc')
    expect(two.seq).toBe(3)
    expect(world.upstream.most).toBe(1)
  })

  it('gives a late tab everything, also after the end', async () => {
    const one = world.openTab().channel('build')
    await one.open({ url: '/log' })
    world.upstream.release('a', 'b', 'c')
    world.upstream.end()
    await until(() => one.done)
    const late = world.openTab().channel('build')
    void late.text
    await until(() => late.done && late.text === 'abc')
    expect(late.ending).toEqual({ kind: 'done' })
    expect(world.upstream.requests).toHaveLength(1)
  })

  it('gives bytes to all tabs: what one has taken over is not gone for the others', async () => {
    const one = world.openTab().channel('build')
    await one.open({ url: '/log' })
    const bytes = [new Uint8Array(20_000).fill(1), new Uint8Array([2])]
    const read = async (): Promise<unknown[]> => {
      const chunks: unknown[] = []
      for await (const { data } of world.openTab().channel('build').read()) chunks.push(data)
      return chunks
    }
    const live = [read(), read()]
    world.upstream.release(...bytes)
    world.upstream.end()
    await until(() => one.done)
    for (const chunks of await Promise.all([...live, read(), read()])) expect(chunks).toEqual(bytes)
  })

  it('gives bytes to one tab after the other: what a store in memory handed out is still there', async () => {
    const writer = world.openTab()
    const one = writer.channel('build')
    await one.open({ url: '/log', format: 'text' })
    const bytes = Array.from({ length: 50 }, (_, i) => new Uint8Array(20_000).fill(65 + i))
    world.upstream.release(...bytes)
    world.upstream.end()
    await until(() => one.done)
    world.killTab(writer.tag)
    for (let tab = 0; tab < 3; tab++) {
      // Each tab is alone with a hub that has nothing in memory but what the store itself keeps there.
      world.killHub()
      const late = world.openTab()
      const build = late.channel('build')
      void build.text
      await until(() => build.done && build.text.length > 0, `tab ${tab}`)
      expect(build.gaps).toEqual([])
      expect(build.text === Buffer.concat(bytes).toString()).toBe(true)
      world.killTab(late.tag)
    }
  })

  it('rule 9: is done for whoever reads the text only when the text is whole', async () => {
    const one = world.openTab().channel('build')
    await one.open({ url: '/log' })
    world.upstream.release('a', 'b', 'c')
    world.upstream.end()
    await until(() => one.done)
    const late = world.openTab().channel('build')
    const seen: [string, string][] = []
    late.subscribe(() => seen.push([late.status, late.text]))
    await until(() => late.text === 'abc')
    // The first state is from before the text was asked for.
    expect(seen.slice(1).filter(([status, text]) => status === 'done' && text !== 'abc')).toEqual([])
    expect(late.status).toBe('done')
  })

  it('starts one stream when two tabs open the same source at once', async () => {
    const one = world.openTab().channel('build')
    const two = world.openTab().channel('build')
    const [a, b] = await Promise.all([one.open({ url: '/log' }), two.open({ url: '/log' })])
    expect(a).toBe(b)
    await until(() => world.upstream.requests.length === 1)
  })

  it('reads with a cursor of its own, as an iteration', async () => {
    const channel = world.openTab().channel('build')
    await channel.open({ url: '/log' })
    world.upstream.release('a', 'b')
    const seen: string[] = []
    const reading = (async () => {
      for await (const chunk of channel.read()) seen.push(`${chunk.seq}${String(chunk.data)}`)
    })()
    await until(() => seen.length === 2)
    world.upstream.release('c')
    world.upstream.end()
    await reading
    expect(seen).toEqual(['1a', '2b', '3c'])
  })

  it('keeps a reader that does not pull at its place', async () => {
    const channel = world.openTab().channel('build')
    await channel.open({ url: '/log' })
    const reader = channel.read()
    const iterator = reader[Symbol.asyncIterator]()
    world.upstream.release('a')
    expect((await iterator.next()).value).toMatchObject({ seq: 1, data: 'a' })
    world.upstream.release('b', 'c')
    world.upstream.end()
    await until(() => channel.done)
    expect(reader.lastSeq).toBe(1)
    expect((await iterator.next()).value).toMatchObject({ seq: 2 })
    expect((await iterator.next()).value).toMatchObject({ seq: 3 })
    expect((await iterator.next()).done).toBe(true)
  })
})

describe('the hub dies', () => {
  it('goes on in every tab with no duplicate and no hole, from where the log ends', async () => {
    const tabs = [world.openTab().channel('build'), world.openTab().channel('build')]
    for (const tab of tabs) void tab.text
    await tabs[0]?.open({ url: '/log' })
    world.upstream.release('a', 'b')
    await until(() => tabs.every((tab) => tab.text === 'ab'))
    world.killHub()
    world.upstream.release('c', 'd')
    await until(() => tabs.every((tab) => tab.text === 'abcd'), 'the new hub')
    world.upstream.end()
    await until(() => tabs.every((tab) => tab.done))
    expect(world.upstream.requests).toHaveLength(2)
    expect(world.upstream.requests[1]).toMatchObject({ position: { token: '2' }, resuming: true })
  })

  it('rule 8: never posts again when the response named no address to continue at', async () => {
    world.upstream.resumable = false
    const tab = world.openTab().channel('chat')
    void tab.text
    await tab.send({ url: '/chat', method: 'POST', body: { a: 1 } })
    world.upstream.release('a')
    await until(() => tab.text === 'a')
    world.killHub()
    await until(() => tab.status === 'disconnected')
    expect(tab).toMatchObject({ text: 'a', canResume: false, canRetry: true })
    expect(world.upstream.requests).toHaveLength(1)
  })

  it('a POST is continued at the address that its response named', async () => {
    const tab = world.openTab().channel('chat')
    void tab.text
    await tab.send({ url: '/chat', method: 'POST', body: { a: 1 } })
    world.upstream.release('a')
    await until(() => tab.text === 'a')
    world.killHub()
    world.upstream.release('b')
    world.upstream.end()
    await until(() => tab.done)
    expect(tab.text).toBe('ab')
    expect(world.upstream.requests[1]).toMatchObject({ resuming: true, resumeUrl: 'http://upstream.test/resume' })
  })

  it('rule 13: a verb in flight when the hub dies is sent again and applied once', async () => {
    const tab = world.openTab().channel('build')
    await tab.open({ url: '/log' })
    world.upstream.release('a')
    await until(() => tab.status === 'streaming')
    const stopping = tab.stop()
    world.killHub()
    await stopping
    await until(() => tab.status === 'stopped')
    const [row] = await world.store.rows('build')
    expect(row?.verbIds).toHaveLength(1)
  })
})

describe('two hubs on one store', () => {
  it('fault 17: a view finds the stream of its own channel again, and no other conversation’s', async () => {
    const ids = new Map<string, string>()
    for (const name of ['one', 'two']) {
      ids.set(
        name,
        await world
          .openTab()
          .channel(name)
          .open({ url: `/${name}` }),
      )
    }
    world.killHub()
    for (const name of ['two', 'one']) {
      const again = world.openTab().channel(name)
      await until(() => again.streamId !== null)
      expect(again.streamId).toBe(ids.get(name))
    }
  })

  it('one owns, the other follows and takes over when the first dies', async () => {
    await world.startHub()
    const old = world.openTab().channel('build')
    void old.text
    await old.open({ url: '/log' })
    world.upstream.release('a')
    await until(() => old.text === 'a')
    const owner = world.hub
    await world.startHub()
    const young = world.openTab().channel('build')
    void young.text
    await until(() => young.text === 'a', 'the follower')
    world.upstream.release('b')
    await until(() => young.text === 'ab', 'the follower to follow')
    expect(world.upstream.most).toBe(1)
    world.killHub(owner)
    world.upstream.release('c')
    await until(() => young.text === 'abc', 'the follower to take over')
    expect(world.upstream.requests).toHaveLength(2)
  })

  it('a view that is moved to a long stream says at once which it is, and never that there is none', async () => {
    await world.startHub()
    const view = world.openTab().channel('notes')
    void view.text
    await view.start({ id: 'first' }).close()
    await until(() => view.done, 'the first stream')
    await world.startHub()
    const writer = world.openTab().channel('notes')
    world.pingsLost = true
    world.clock.advance(1)
    const sink = writer.start({ id: 'long', meta: 'mine' })
    // More than one batch.
    const parts = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((letter) => letter.repeat(400 * 1024))
    for (const part of parts) await sink.write(part)
    const seen: unknown[] = []
    view.subscribe(() => seen.push([view.streamId, view.status, view.meta, view.text.length / 1024]))
    world.pingsLost = false
    await sink.write('h'.repeat(1024))
    await until(() => view.seq === 8, 'all of the second stream')
    expect(view.text).toBe([...parts, 'h'.repeat(1024)].join(''))
    expect(seen).toContainEqual(['long', 'streaming', 'mine', 2_400])
    for (const state of seen) expect(state).toMatchObject(['long', 'streaming', 'mine', expect.any(Number)])
    await sink.close()
    await until(() => view.done, 'its end')
  })
})

describe('verbs', () => {
  it('stop closes the connection and leaves the log open; resume goes on at the very next chunk', async () => {
    const one = world.openTab().channel('build')
    const two = world.openTab().channel('build')
    void two.text
    await one.open({ url: '/log' })
    world.upstream.release('a')
    await until(() => two.text === 'a')
    await two.stop()
    await until(() => one.status === 'stopped' && two.status === 'stopped')
    expect(one).toMatchObject({ canResume: true, ending: null })
    expect(world.upstream.sockets.size).toBe(0)
    world.upstream.release('b')
    await one.resume()
    await until(() => two.text === 'ab' && two.status === 'streaming')
  })

  it('cancel tells the producer, and ends the stream for good in all tabs', async () => {
    const one = world.openTab().channel('build')
    const two = world.openTab().channel('build')
    await one.open({ url: '/log', cancel: '/cancel' })
    world.upstream.release('a')
    await until(() => two.status === 'streaming')
    await two.cancel('enough')
    await until(() => one.status === 'stopped' && one.ending?.kind === 'cancelled')
    expect(one).toMatchObject({ done: false, canResume: false, canRetry: true })
    expect(world.cancelled).toEqual(['http://upstream.test/cancel'])
    await expect(one.resume()).rejects.toMatchObject({ code: 'not-resumable' })
  })

  it('retry starts one new run, also when two tabs ask at once', async () => {
    const one = world.openTab().channel('build')
    const two = world.openTab().channel('build')
    const first = await one.open({ url: '/log' })
    await until(() => two.streamId === first)
    await one.cancel()
    const [a, b] = await Promise.all([one.retry(), two.retry()])
    expect(a).toBe(b)
    expect(a).not.toBe(first)
    expect(await one.history()).toHaveLength(2)
  })

  it('send cancels what was live first', async () => {
    const tab = world.openTab().channel('chat')
    const first = await tab.send({ url: '/chat', method: 'POST', body: 'one', cancel: '/cancel' })
    world.upstream.release('a')
    await until(() => tab.status === 'streaming')
    const second = await tab.send({ url: '/chat', method: 'POST', body: 'two' })
    await until(async () => (await world.store.row(first))?.ending?.kind === 'cancelled')
    expect(tab.streamId).toBe(second)
    expect(world.cancelled).toHaveLength(1)
  })
})

describe('the connection is lost', () => {
  it('tries again three times, then is disconnected and probes', async () => {
    const tab = world.openTab().channel('build')
    void tab.text
    await tab.open({ url: '/log' })
    world.upstream.release('a')
    await until(() => tab.text === 'a')
    world.upstream.refusing = true
    world.upstream.cut()
    for (const [attempt, ms] of [1_500, 3_000, 6_000].entries()) {
      await until(() => tab.status === 'reconnecting' && world.upstream.requests.length === attempt + 1)
      expect(tab.waitingFor).toBe('server')
      // Until the session waits for the clock.
      await until(() => true)
      world.clock.advance(ms)
      await until(() => world.upstream.requests.length === attempt + 2, `attempt ${attempt + 1}`)
    }
    await until(() => tab.status === 'disconnected')
    expect(tab).toMatchObject({ canResume: true, text: 'a', ending: null })
    world.upstream.refusing = false
    world.upstream.release('b')
    await tab.resume()
    await until(() => tab.text === 'ab' && tab.status === 'streaming')
  })

  it('is tried again at once when the machine wakes from sleep, whatever is left of the wait', async () => {
    const tab = world.openTab().channel('build')
    void tab.text
    await tab.open({ url: '/log' })
    world.upstream.release('a')
    await until(() => tab.text === 'a')
    world.upstream.refusing = true
    world.upstream.cut()
    for (const [attempt, ms] of [1_500, 3_000, 6_000].entries()) {
      await until(() => tab.status === 'reconnecting' && world.upstream.requests.length === attempt + 1)
      await until(() => true)
      world.clock.advance(ms)
      await until(() => world.upstream.requests.length === attempt + 2, `attempt ${attempt + 1}`)
    }
    await until(() => tab.status === 'disconnected')
    world.upstream.refusing = false
    world.upstream.release('b')
    world.clock.sleep(60_000)
    // The hub's round ends; the next look at upstream would come seconds later.
    world.clock.advance(3_000)
    await until(() => tab.text === 'ab' && tab.status === 'streaming')
  })
})

describe('bad input', () => {
  it('a hub refuses garbage with a typed error and serves the next request', async () => {
    const { connection, channel } = world.openTab()
    await expect(
      connection.call((hub) => hub.attach({ cursorId: -1, channel: 'x', streamId: null, from: 1 })),
    ).rejects.toMatchObject({ code: 'bad-message' })
    await expect(
      connection.call((hub) => hub.attach({ cursorId: 1, channel: 'a\nb', streamId: null, from: 1 })),
    ).rejects.toMatchObject({ code: 'bad-name' })
    await expect(
      connection.call((hub) => hub.verb({ verbId: '1', kind: 'stop', streamId: 'nobody' })),
    ).rejects.toMatchObject({ code: 'unknown-stream' })
    const build = channel('build')
    await build.open('/log')
    await until(() => build.streamId !== null)
  })

  it('a tab that acknowledges what it never got loses its cursor, and no other tab notices', async () => {
    const honest = world.openTab().channel('build')
    void honest.text
    await honest.open('/log')
    const { connection } = world.openTab()
    const liar = connection.add({
      attach: (live: { hub: { attach: (request: object) => Promise<unknown> } }) =>
        live.hub.attach({ cursorId: liar, channel: 'build', streamId: null, from: 1 }),
      deliver: () => Promise.resolve(1e9),
      gone: () => undefined,
      failed: () => undefined,
    } as never)
    world.upstream.release('a')
    await until(() => honest.text === 'a')
    world.upstream.release('b')
    await until(() => honest.text === 'ab')
    const [info] = await world.hub.streams('build')
    // Only the honest tab's view is left.
    await until(async () => (await world.hub.streams('build'))[0]?.readers === 1)
    expect(info?.status).toBe('streaming')
  })
})
