import { afterEach, beforeEach, describe, expect, it } from 'vitest'
// What a page loads when it first needs it: here it is to take no turns of the event loop.
import '../../../src/client/content.ts'
import '../../../src/client/log-reader.ts'
import '../../../src/client/producer.ts'
import type { Sink } from '../../../src/client/api.ts'
import type { HubChannel } from '../../../src/client/hub-channel.ts'
import { ownLock, readingLock } from '../../../src/protocol/names.ts'
import { UnreliableStore } from './unreliable-store.ts'
import { until, World } from './world.ts'

let store: UnreliableStore
let world: World
const errors: unknown[] = []
const onError = (error: unknown): void => void errors.push(error)

beforeEach(() => {
  store = new UnreliableStore()
  world = new World(store)
  Object.assign(globalThis, { document: { baseURI: 'http://upstream.test/' } })
  errors.length = 0
  process.on('unhandledRejection', onError)
})

afterEach(async () => {
  world.upstream.end()
  await world.close()
  process.off('unhandledRejection', onError)
  expect(errors, 'rejections that nobody handled').toEqual([])
})

/** A channel of a new tab, whose text is read. */
function reading(name = 'notes'): HubChannel {
  const channel = world.openTab().channel(name)
  void channel.text
  return channel
}

const aborted = (sink: Sink): Promise<void> => until(() => sink.signal.aborted, 'the signal to abort')

describe('a page that produces', () => {
  it('is read by every tab, live and late, until it closes its sink', async () => {
    const other = reading()
    const channel = reading()
    const sink = channel.start({ meta: { by: 'me' } })
    await sink.write('a')
    expect((await store.row(sink.id))?.seq, 'stored once the write resolves').toBe(1)
    void sink.write('b')
    void sink.write('c')
    await until(() => other.text === 'abc' && channel.text === 'abc', 'both tabs')
    expect(other).toMatchObject({ streamId: sink.id, status: 'streaming', meta: { by: 'me' }, canRetry: false })
    await sink.close()
    const late = reading()
    await until(() => [other, channel, late].every(({ done, text }) => done && text === 'abc'), 'all to be done')
    expect(world.locks.holders(ownLock(sink.id))).toEqual([])
    expect(sink.signal.aborted).toBe(false)
    await expect(sink.write('d')).rejects.toMatchObject({ code: 'closed' })
  })

  it('keeps bytes, texts and names of chunks as they were written', async () => {
    const channel = reading()
    const sink = channel.start()
    const bytes = new Uint8Array([1, 2])
    const written = sink.write(bytes)
    await written
    bytes.fill(9)
    void sink.write('é', { event: 'word' })
    await sink.close()
    const chunks = []
    for await (const { seq, data, event } of channel.read()) chunks.push({ seq, data, event })
    expect(chunks).toEqual([
      { seq: 1, data: new Uint8Array([1, 2]), event: undefined },
      { seq: 2, data: 'é', event: 'word' },
    ])
  })

  it('stores together what is written while a transaction is in flight', async () => {
    const sink = reading().start()
    await sink.write('0')
    const let1 = store.hold('commit')
    const first = sink.write('1')
    await until(() => store.calls.filter((call) => call === 'commit').length >= 2, 'the first commit')
    const before = store.calls.filter((call) => call === 'commit').length
    const rest = Array.from({ length: 100 }, (_, i) => sink.write(String(i % 10)))
    let1()
    await Promise.all([first, ...rest])
    expect(store.calls.filter((call) => call === 'commit').length - before).toBeLessThanOrEqual(3)
    expect((await store.row(sink.id))?.seq).toBe(102)
  })

  it('ends as `error` with its own words, after what was written', async () => {
    const other = reading()
    const sink = reading().start()
    void sink.write('half')
    await sink.error(new Error('out of paper'))
    await until(() => other.status === 'error' && other.text === 'half')
    expect(other).toMatchObject({ error: 'out of paper', ending: { kind: 'error' } })
    await expect(other.read()[Symbol.asyncIterator]().next()).resolves.toMatchObject({ value: { data: 'half' } })
  })

  it('as a Web stream: piped to its end, and not read further ahead than there is room', async () => {
    const other = reading()
    let pulled = 0
    const source = new ReadableStream<string>(
      {
        pull: (controller) => {
          if (pulled === 100) return controller.close()
          pulled += 1
          controller.enqueue('x'.repeat(100_000))
        },
      },
      { highWaterMark: 0 },
    )
    const open = store.hold('commit')
    const piping = reading().pipeFrom(source, { id: 'piped' })
    const sink = await piping
    expect(sink.id).toBe('piped')
    await until(() => pulled >= 10, 'the pipe to fill')
    for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(pulled).toBeLessThan(20)
    open()
    await until(() => other.done, 'the end')
    expect(other.text.length).toBe(10_000_000)
  })

  it('a source that fails ends the stream with its error; a chunk that is none, too', async () => {
    const other = reading()
    const failing = new ReadableStream<string>({
      start: (controller) => {
        controller.enqueue('a')
      },
      pull: (controller) => controller.error(new Error('no more')),
    })
    await reading().pipeFrom(failing)
    await until(() => other.status === 'error')
    expect(other.error).toBe('no more')
    const wrong = new ReadableStream({ start: (controller) => controller.enqueue({ not: 'text' }) })
    await reading().pipeFrom(wrong as ReadableStream<string>)
    await until(() => other.error?.includes('must be a string') === true)
  })

  it('a chunk that is none is refused, and the stream goes on', async () => {
    const sink = reading().start()
    await expect(sink.write(1 as unknown as string)).rejects.toMatchObject({ code: 'bad-message' })
    await expect(sink.write('a', { event: '' })).rejects.toMatchObject({ code: 'bad-message' })
    await expect(sink.write('a'.repeat(16 * 1024 * 1024 + 1))).rejects.toMatchObject({ code: 'too-large' })
    await sink.write('good')
    expect((await store.row(sink.id))?.seq).toBe(1)
  })
})

describe('exactly once', () => {
  for (const when of ['before', 'after'] as const) {
    it(`a write whose hub is killed ${when} its transaction is stored once`, async () => {
      const other = reading()
      const sink = reading().start()
      await sink.write('a')
      const open = store.hold('commit', when)
      const commits = store.calls.length
      const written = Promise.all([sink.write('b'), sink.write('c')])
      await until(() => store.calls.slice(commits).includes('commit'), 'the commit')
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
      world.killHub()
      open()
      await written
      await sink.close()
      await until(() => other.done)
      expect(other.text).toBe('abc')
    })
  }

  it('a start and a close that are sent again are one start and one close', async () => {
    const other = reading()
    await until(() => world.hasHub)
    const openStart = store.hold('openChannel', 'after')
    const sink = reading().start({ id: 'once' })
    const write = sink.write('a')
    await until(() => store.calls.includes('openChannel'))
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    world.killHub()
    openStart()
    await write
    const openClose = store.hold('commit', 'after')
    const commits = store.calls.length
    const closed = sink.close()
    await until(() => store.calls.slice(commits).includes('commit'))
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    world.killHub()
    openClose()
    await closed
    await until(() => other.done)
    expect(other.text).toBe('a')
    expect(await store.rows()).toHaveLength(1)
  })

  it('fault 12: an old producer cannot write into another’s run', async () => {
    const page = world.openTab()
    const sink = page.channel('notes').start({ id: 's' })
    await sink.write('a')
    const answer = page.connection.call((hub) =>
      hub.produce({ streamId: 's', producer: 'another', fromSeq: 2, packs: [], ending: { kind: 'done' } }),
    )
    await expect(answer).rejects.toMatchObject({ code: 'producer-lost' })
    expect((await store.row('s'))?.ending).toBeNull()
  })
})

describe('a producer that is gone', () => {
  it('leaves its stream ended as `producer-lost`, for every tab, with everything kept', async () => {
    const other = reading()
    const page = world.openTab()
    const sink = page.channel('notes').start()
    await sink.write('all that there is')
    await until(() => other.text !== '')
    world.killTab(page.tag)
    await until(() => other.status === 'error')
    expect(other).toMatchObject({ text: 'all that there is', ending: { kind: 'error', code: 'producer-lost' } })
    expect(other.failure?.code).toBe('producer-lost')
    const reader = other.read()[Symbol.asyncIterator]()
    await reader.next()
    await expect(reader.next()).rejects.toMatchObject({ code: 'producer-lost' })
  })

  it('together with the hub, or while stopped: the next hub finds out', async () => {
    const page = world.openTab()
    const sink = page.channel('notes').start()
    await sink.write('a')
    await page.channel('notes').stop()
    world.killTab(page.tag)
    world.killHub()
    const later = reading()
    await until(() => later.status === 'error')
    expect(later).toMatchObject({ text: 'a', ending: { code: 'producer-lost' } })
  })

  it('closes its hub, or goes to the back-forward cache', async () => {
    const other = reading()
    for (const leave of ['pause', 'close'] as const) {
      const page = world.openTab()
      const sink = page.channel('notes').start()
      await sink.write('a')
      await until(() => other.streamId === sink.id && other.text === 'a')
      page.connection[leave]()
      await until(() => other.status === 'error', `the ending after ${leave}`)
      expect(other.ending).toEqual({ kind: 'error', code: 'producer-lost' })
      expect(sink.signal.reason).toMatchObject({ code: 'producer-lost' })
      await expect(sink.write('b')).rejects.toMatchObject({ code: 'producer-lost' })
      page.connection.close()
    }
  })

  it('is not taken for gone when a hub dies', async () => {
    const other = reading()
    const sink = reading().start()
    await sink.write('a')
    world.killHub()
    await sink.write('b')
    await until(() => other.text === 'ab')
    expect(other.status).toBe('streaming')
    expect(world.locks.holders(ownLock(sink.id))).toHaveLength(1)
  })

  it('when its stream is deleted under it, it hears of it also without writing', async () => {
    const page = world.openTab()
    const sink = page.channel('notes').start()
    await sink.write('a')
    await page.connection.call((hub) => hub.forget({ streamId: sink.id }))
    await aborted(sink)
    expect(sink.signal.reason).toMatchObject({ code: 'unknown-stream' })
    expect(await store.row(sink.id)).toBeUndefined()
  })
})

describe('verbs on what a page produces', () => {
  it('cancel in another tab ends it in one transaction and aborts the signal with the reason', async () => {
    const other = reading()
    const sink = reading().start()
    await sink.write('a')
    await until(() => other.streamId === sink.id)
    await other.cancel('enough of this')
    expect((await store.row(sink.id))?.ending).toMatchObject({ kind: 'cancelled' })
    await aborted(sink)
    expect(sink.signal.reason).toMatchObject({ code: 'cancelled', data: 'enough of this' })
    await expect(sink.write('b')).rejects.toMatchObject({ code: 'cancelled' })
    await until(() => other.ending !== null)
    expect(other).toMatchObject({ status: 'stopped', done: false, canResume: false, canRetry: false, text: 'a' })
  })

  it('cancel wins against a write that is on its way, which is refused', async () => {
    const other = reading()
    const sink = reading().start()
    await sink.write('a')
    await until(() => other.streamId === sink.id)
    const open = store.hold('commit')
    const commits = store.calls.length
    const cancelling = other.cancel()
    await until(() => store.calls.slice(commits).includes('commit'))
    const late = sink.write('b')
    late.catch(() => undefined)
    open()
    await cancelling
    await expect(late).rejects.toMatchObject({ code: 'cancelled' })
    expect((await store.row(sink.id))?.seq).toBe(1)
  })

  it('a cancel cancels the source of a pipe', async () => {
    const other = reading()
    let reason: unknown
    const source = new ReadableStream<string>({
      start: (controller) => controller.enqueue('a'),
      cancel: (why) => void (reason = why),
    })
    const sink = await reading().pipeFrom(source)
    await until(() => other.text === 'a')
    await other.cancel('no')
    await aborted(sink)
    await until(() => reason !== undefined, 'the source to be cancelled')
    expect(reason).toMatchObject({ code: 'cancelled' })
  })

  it('stop keeps writes waiting, resume lets them through, and nothing is lost', async () => {
    const other = reading()
    const sink = reading().start()
    await sink.write('a')
    await until(() => other.text === 'a')
    await other.stop()
    await until(() => other.status === 'stopped')
    expect(other.canResume).toBe(true)
    let stored = false
    const waiting = sink.write('b').then(() => (stored = true))
    const closing = sink.close()
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(stored).toBe(false)
    world.killHub()
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(stored).toBe(false)
    await other.resume()
    await waiting
    await closing
    await until(() => other.done && other.text === 'ab')
  })

  it('retry is refused with a typed error', async () => {
    const other = reading()
    const sink = reading().start()
    await sink.close()
    await until(() => other.done)
    await expect(other.retry()).rejects.toMatchObject({ code: 'unknown-stream' })
  })

  it('`send` and `start` cancel what another page writes', async () => {
    const channel = reading()
    const first = reading().start()
    await first.write('a')
    const second = reading().start()
    await second.write('b')
    await aborted(first)
    expect(first.signal.reason).toMatchObject({ code: 'cancelled', data: 'replaced' })
    await channel.send({ url: '/log', format: 'text' })
    await aborted(second)
    await until(async () => (await store.row(second.id))?.ending?.kind === 'cancelled')
    const third = reading().start()
    await third.write('c')
    await until(() => world.upstream.sockets.size === 0, 'the fetched stream to be cancelled')
    await until(() => channel.streamId === third.id && channel.text === 'c')
  })
})

it('what is replaced while it is in memory alone ends as cancelled there, and in the store', async () => {
  const sink = reading().start()
  await sink.write('a')
  store.reason = 'QuotaExceededError'
  store.failing.add('commit')
  await sink.write('b')
  // The disk takes a small new row, and no chunks.
  await reading().send({ url: '/log' })
  await aborted(sink)
  const [row] = await world.hub.streams('notes')
  expect(row).toMatchObject({ streamId: sink.id, status: 'stopped', ending: { kind: 'cancelled' } })
  store.failing.clear()
  await world.hub.store.settle({ now: true })
  expect(await store.row(sink.id)).toMatchObject({ seq: 2, ending: { kind: 'cancelled' }, reason: 'replaced' })
})

describe('ids', () => {
  it('a live id started again is `live-id`, in this page and in another, and the live one goes on', async () => {
    const channel = reading()
    const sink = channel.start({ id: 'same' })
    await sink.write('a')
    for (const again of [
      channel.start({ id: 'same' }),
      reading().start({ id: 'same' }),
      reading('else').start({ id: 'same' }),
    ]) {
      await expect(again.write('x')).rejects.toMatchObject({ code: 'live-id' })
      expect(again.signal.reason).toMatchObject({ code: 'live-id' })
    }
    await expect(reading().pipeFrom(new ReadableStream(), { id: 'same' })).rejects.toMatchObject({ code: 'live-id' })
    await sink.write('b')
    await until(() => channel.text === 'ab')
  })

  it('the id of a stream that is fetched is live, too', async () => {
    const channel = reading()
    await channel.send({ url: '/log', format: 'text' }, { id: 'fetched' })
    await until(() => world.locks.holders(ownLock('fetched')).length === 1)
    await expect(reading().start({ id: 'fetched' }).write('x')).rejects.toMatchObject({ code: 'live-id' })
  })

  it('an ended id is refused as used, and free once it is forgotten', async () => {
    const page = world.openTab()
    const channel = page.channel('notes')
    await channel.start({ id: 'used' }).close()
    await until(() => world.locks.holders(ownLock('used')).length === 0)
    await expect(channel.start({ id: 'used' }).write('x')).rejects.toMatchObject({ code: 'bad-id' })
    await page.connection.call((hub) => hub.forget({ streamId: 'used' }))
    // What was created when it was deleted, or before, is gone for good.
    world.clock.advance(1)
    await channel.start({ id: 'used' }).write('new')
    expect((await store.row('used'))?.seq).toBe(1)
    expect(() => channel.start({ id: '' })).toThrow(expect.objectContaining({ code: 'bad-id' }))
  })
})

describe('readers', () => {
  it('the last reader’s cancel aborts the producer’s signal; a reader that merely leaves does not', async () => {
    const sink = world.openTab().channel('notes').start()
    await sink.write('a')
    const one = world.openTab().channel('notes').read({ streamId: sink.id })
    const two = world.openTab().channel('notes').read({ streamId: sink.id })
    const left = world.openTab().channel('notes').read({ streamId: sink.id })
    for (const reader of [one, two]) await reader[Symbol.asyncIterator]().next()
    for await (const chunk of left) {
      expect(chunk.data).toBe('a')
      break
    }
    await one.cancel('seen enough')
    await sink.write('b')
    expect(sink.signal.aborted).toBe(false)
    await two.readable.cancel('me too')
    await aborted(sink)
    expect(sink.signal.reason).toMatchObject({ code: 'cancelled', data: 'me too' })
  })

  it('a reader in another hub counts', async () => {
    const sink = world.openTab().channel('notes').start()
    await sink.write('a')
    const one = world.openTab().channel('notes').read({ streamId: sink.id })
    await one[Symbol.asyncIterator]().next()
    await world.startHub()
    const two = world.openTab().channel('notes').read({ streamId: sink.id })
    await two[Symbol.asyncIterator]().next()
    await until(() => world.locks.holders(readingLock(sink.id)).length === 2, 'both hubs to say so')
    await one.cancel()
    await until(() => world.locks.holders(readingLock(sink.id)).length === 1)
    await sink.write('b')
    expect(sink.signal.aborted).toBe(false)
    await two.cancel()
    await aborted(sink)
  })

  it('a cancel right after a hub’s death waits for the other readers to come back', async () => {
    const sink = world.openTab().channel('notes').start()
    await sink.write('a')
    const one = world.openTab()
    const reader = one.channel('notes').read({ streamId: sink.id })
    await reader[Symbol.asyncIterator]().next()
    world.clock.advance(10)
    world.killHub()
    await sink.write('b')
    await until(() => world.locks.holders(readingLock(sink.id)).length === 1)
    await reader.cancel()
    await until(() => world.locks.holders(readingLock(sink.id)).length === 0)
    const back = world.openTab().channel('notes').read({ streamId: sink.id })
    await back[Symbol.asyncIterator]().next()
    world.clock.advance(2_000)
    await sink.write('c')
    expect(sink.signal.aborted).toBe(false)
    await back.cancel()
    world.clock.advance(2_000)
    await aborted(sink)
  })

  it('`unwatched` cancels what nobody has read for so long, fetched or produced', async () => {
    const sink = world.openTab().channel('notes', { unwatched: 5_000 }).start()
    await sink.write('a')
    const reader = world.openTab().channel('notes').read({ streamId: sink.id })
    const iterator = reader[Symbol.asyncIterator]()
    await iterator.next()
    await until(() => world.locks.holders(readingLock(sink.id)).length === 1)
    world.clock.advance(60_000)
    await sink.write('b')
    expect(sink.signal.aborted, 'while it is read').toBe(false)
    await iterator.return?.()
    await until(() => world.locks.holders(readingLock(sink.id)).length === 0)
    world.clock.advance(4_999)
    await sink.write('c')
    expect(sink.signal.aborted, 'before the time is over').toBe(false)
    world.clock.advance(1)
    await aborted(sink)
    expect(sink.signal.reason).toMatchObject({ code: 'cancelled', data: 'unwatched' })

    const fetched = world.openTab().channel('log', { unwatched: 5_000 })
    await fetched.send({ url: '/log', format: 'text' })
    await until(() => world.upstream.sockets.size === 1)
    world.clock.advance(5_000)
    await until(() => world.upstream.sockets.size === 0 && fetched.ending?.kind === 'cancelled')
  })

  it('a reader that comes back in time, in any hub, keeps an unwatched stream', async () => {
    const sink = world.openTab().channel('notes', { unwatched: 5_000 }).start()
    await sink.write('a')
    world.clock.advance(4_000)
    await world.startHub()
    const reader = world.openTab().channel('notes').read({ streamId: sink.id })
    await reader[Symbol.asyncIterator]().next()
    await until(() => world.locks.holders(readingLock(sink.id)).length === 1)
    world.clock.advance(4_000)
    world.clock.advance(4_000)
    await sink.write('b')
    expect(sink.signal.aborted).toBe(false)
    await reader.cancel()
    await aborted(sink)
  })

  it('without `unwatched` nobody has to watch', async () => {
    const sink = world.openTab().channel('notes').start()
    await sink.write('a')
    world.clock.advance(10_000_000)
    await sink.write('b')
    expect(sink.signal.aborted).toBe(false)
  })
})
