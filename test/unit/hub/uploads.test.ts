import { afterEach, beforeEach, describe, expect, it } from 'vitest'
// What a page loads when it first needs it: here it is to take no turns of the event loop.
import '../../../src/client/content.ts'
import '../../../src/client/producer.ts'
import '../../../src/client/upload-target.ts'
import type { Sink, StartOptions } from '../../../src/client/api.ts'
import type { HubChannel } from '../../../src/client/hub-channel.ts'
import { uploadLock } from '../../../src/protocol/names.ts'
import { UnreliableStore } from './unreliable-store.ts'
import { PATH, UploadWorld } from './upload-world.ts'
import { until } from './world.ts'

let store: UnreliableStore
let world: UploadWorld
const errors: unknown[] = []
const onError = (error: unknown): void => void errors.push(error)

beforeEach(() => {
  store = new UnreliableStore()
  world = new UploadWorld(store)
  Object.assign(globalThis, { document: { baseURI: 'http://upstream.test/' } })
  errors.length = 0
  process.on('unhandledRejection', onError)
})

afterEach(async () => {
  await world.close()
  process.off('unhandledRejection', onError)
  expect(errors, 'rejections that nobody handled').toEqual([])
})

const channel = (): HubChannel => world.openTab().channel('notes')
const start = (to: StartOptions['to'] = PATH, from = channel()): Sink => from.start(to === undefined ? {} : { to })
const settle = async (turns = 30): Promise<void> => {
  for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}
const arrived = (text: string): Promise<void> =>
  until(async () => (await world.text()) === text, `"${text}" on the server`)
/** Lets time pass, so that what pauses tries again. */
const timePasses = async (seconds: number): Promise<void> => {
  for (let second = 0; second < seconds; second++) {
    world.clock.advance(1_000)
    await settle(5)
  }
}
const timeUntil = async (condition: () => boolean | Promise<boolean>, what: string): Promise<void> => {
  for (let second = 0; second < 120 && !(await condition()); second++) await timePasses(1)
  expect(await condition(), what).toBe(true)
}
const upload = (sink: Sink) => store.row(sink.id).then((row) => row?.upload)

describe('a stream with a destination', () => {
  it('is on the server with its ending, and every tab sees how far it is', async () => {
    const other = channel()
    const sink = start()
    await sink.write('one ')
    await arrived('one ')
    await until(() => other.upload?.loaded === 4)
    expect(other.upload).toMatchObject({
      url: `http://upstream.test${PATH}`,
      seq: 1,
      total: 4,
      done: false,
      failure: null,
    })
    void sink.write('two')
    await sink.close()
    await sink.uploaded
    expect([await world.text(), await world.ending()]).toEqual(['one two', { kind: 'done' }])
    await until(() => other.upload?.done === true)
    expect((await world.server('HEAD')).headers.get('content-type')).toBe('text/plain; charset=utf-8')
    await until(() => world.locks.holders(uploadLock(sink.id)).length === 0, 'the lock to be free')
    expect(world.requests).toEqual(['PUT', 'POST 0', 'POST 1'])
  })

  it('bytes stay bytes, an empty one and one without a chunk are streams too, and errors arrive as errors', async () => {
    const sink = start()
    await sink.write(new Uint8Array([0, 255, 128]))
    await sink.write('é')
    await sink.write('')
    await sink.error(new Error('no more'))
    await sink.uploaded
    expect(await world.bytes()).toEqual(new Uint8Array([0, 255, 128, 0xc3, 0xa9]))
    expect((await world.server('HEAD')).headers.get('content-type')).toBe('application/octet-stream')
    expect(await world.ending()).toEqual({ kind: 'error', code: 'upstream-error' })
    const empty = start('/v1/stream/notes/2')
    await empty.close()
    await empty.uploaded
    expect(await world.ending('/v1/stream/notes/2')).toEqual({ kind: 'done' })
  })

  it('a character that is cut between two chunks, and between two batches, arrives whole', async () => {
    const sink = start()
    const [high, low] = ['😀'[0] ?? '', '😀'[1] ?? '']
    await sink.write(`a${high}`)
    await arrived('a')
    await sink.write(`${low}b`)
    await arrived('a😀b')
    await sink.write(high)
    await sink.close()
    await sink.uploaded
    expect(await world.text()).toBe('a😀b\ufffd')
  })

  it('of JSON, keeps each chunk as one message, and refuses what is none', async () => {
    const sink = start({ url: PATH, contentType: 'application/json' })
    for (const value of [{ a: 1 }, [1, 2], 'x']) await sink.write(JSON.stringify(value))
    await expect(sink.write('{')).rejects.toMatchObject({ code: 'bad-message' })
    await sink.close()
    await sink.uploaded
    expect(JSON.parse(await world.text())).toEqual([{ a: 1 }, [1, 2], 'x'])
  })

  it('asks a live tab for headers, also after its hub died, and stores none', async () => {
    const authorize = (request: Request): boolean => request.headers.get('authorization') === 'Bearer secret'
    await world.close()
    world = new UploadWorld(store, authorize)
    const page = world.openTab(() => Promise.resolve([['authorization', 'Bearer secret']] as const))
    const sink = start({ url: PATH, headers: { authorization: 'Bearer secret' } }, page.channel('notes'))
    await sink.write('a')
    await until(() => world.requests.includes('POST 0'))
    world.killHub()
    await sink.write('b')
    await sink.close()
    await sink.uploaded
    const has = (value: unknown): boolean => JSON.stringify(value).includes('secret')
    expect(has(await store.rows())).toBe(false)
  })

  it('is refused at the door where its destination is none', async () => {
    for (const to of ['ftp://x', 'http://u:p@x/', { url: PATH, lease: 0 }, { url: PATH, contentType: 'nonsense' }]) {
      const sink = start(to)
      await until(() => sink.signal.aborted)
      expect(['bad-source', 'bad-message']).toContain((sink.signal.reason as { code: string }).code)
      await expect(sink.uploaded).rejects.toMatchObject({ name: 'HeadwaterError' })
    }
  })

  it('that the server refuses for good ends, and says why', async () => {
    await world.close()
    world = new UploadWorld(store, () => false)
    const sink = start()
    await sink.write('a').catch(() => undefined)
    await until(() => sink.signal.aborted)
    expect(sink.signal.reason).toMatchObject({ code: 'http', data: { status: 403 } })
    await expect(sink.uploaded).rejects.toMatchObject({ code: 'http' })
  })
})

describe('exactly once', () => {
  it('a batch whose answer is lost is sent again as it was, and taken once', async () => {
    let fates = 2
    world.fate = (method) => (method === 'POST' && fates-- > 0 ? 'unanswered' : 'through')
    const sink = start()
    await sink.write('a')
    await until(async () => (await upload(sink))?.waitingFor === 'server')
    expect(await upload(sink)).toMatchObject({ sending: { toSeq: 1, closes: false }, request: 0 })
    // Written meanwhile: it must not get into the batch that may have arrived.
    await sink.write('b')
    await sink.close()
    for (let i = 0; i < 4; i++) {
      world.clock.advance(2_500)
      await settle()
    }
    await sink.uploaded
    expect(await world.text()).toBe('ab')
    expect(world.requests.filter((request) => request.startsWith('POST'))).toEqual([
      'POST 0',
      'POST 0',
      'POST 0',
      'POST 1',
    ])
  })

  for (const when of ['before', 'after'] as const) {
    it(`a hub that is killed ${when} it stores what it is about to send`, async () => {
      const sink = start()
      await sink.write('a')
      await arrived('a')
      await until(async () => (await upload(sink))?.sending === null)
      const open = store.hold('commit', when)
      const written = sink.write('b')
      await settle()
      world.killHub()
      store.pass('commit', when)
      open()
      await written
      await sink.close()
      await sink.uploaded
      expect(await world.text()).toBe('ab')
    })
  }

  it('rules 1 and 2: a hub that lost its lock without knowing sends what the next one sends, and stores nothing', async () => {
    let letGo: () => void = () => undefined
    const sink = start()
    await sink.write('a')
    await arrived('a')
    await until(async () => (await upload(sink))?.sending === null)
    world.slow = new Promise((resolve) => (letGo = resolve))
    await sink.write('b')
    await until(() => world.requests.includes('POST 1'))
    const before = await upload(sink)
    world.makeZombie()
    world.slow = null
    const later = channel()
    await until(async () => ((await upload(sink))?.epoch ?? 0) > (before?.epoch ?? 0))
    await arrived('ab')
    await until(async () => (await upload(sink))?.seq === 2)
    let letNextGo: () => void = () => undefined
    world.slow = new Promise((resolve) => (letNextGo = resolve))
    await sink.write('c')
    await until(() => world.requests.includes('POST 2'))
    // The answer that the old hub waited for: it is no word about what the new one has under way.
    letGo()
    await settle()
    expect(await upload(sink)).toMatchObject({ seq: 2, sending: { toSeq: 3 } })
    letNextGo()
    await arrived('abc')
    await until(() => later.upload?.seq === 3)
  })

  it('goes on without its page once that has closed it, and without the first hub', async () => {
    world.fate = () => 'lost'
    const page = world.openTab()
    const sink = start(PATH, page.channel('notes'))
    await sink.write('kept')
    await sink.close()
    world.killTab(page.tag)
    world.killHub()
    world.fate = () => 'through'
    channel()
    await arrived('kept')
    await until(async () => (await world.ending()) !== null)
    expect(await world.ending()).toEqual({ kind: 'done' })
  })
})

describe('a full disk', () => {
  /** What is stored in the browser; what could not be read any more shows as a number of lost chunks. */
  const stored = async (sink: Sink): Promise<string> => {
    const log = await store.readLog(sink.id, 1, { maxSize: Infinity })
    const lost = log?.row.gaps.map(({ fromSeq, toSeq }) => `[${toSeq + 1 - fromSeq} lost]`) ?? ['nothing']
    const texts = log?.packs.map(({ data }) => (typeof data === 'string' ? data : 'bytes')) ?? []
    return [...lost, ...texts].join('')
  }

  for (const network of ['there', 'away'] as const) {
    it(`with the network ${network}: stored chunks stay, nothing is sent that is not planned on disk, and all arrives once there is room`, async () => {
      const other = channel()
      if (network === 'away') world.fate = () => 'lost'
      const sink = start()
      for (const text of ['a', 'b', 'c', 'd']) await sink.write(text)
      if (network === 'there') await arrived('abcd')
      await settle()
      store.full = true
      await sink.write('e')
      world.fate = () => 'through'
      await timeUntil(() => other.upload?.waitingFor === 'storage', 'the view to say what is waited for')
      expect(await stored(sink)).toBe('abcd')
      const batches = new Set(world.requests.filter((request) => request.startsWith('POST ')))
      // Longer than the longest pause.
      await timePasses(60)
      expect(await stored(sink)).toBe('abcd')
      expect('abcd'.startsWith(await world.text())).toBe(true)
      expect(new Set(world.requests.filter((request) => request.startsWith('POST ')))).toEqual(batches)
      expect(sink.signal.aborted).toBe(false)
      store.full = false
      void sink.write('f')
      void sink.close()
      await timeUntil(async () => (await world.ending()) !== null, 'the end on the server')
      await sink.uploaded
      expect([await world.text(), await world.ending()]).toEqual(['abcdef', { kind: 'done' }])
      expect(await stored(sink)).toBe('abcdef')
      await until(() => other.upload?.done === true)
      expect(other.upload).toMatchObject({ loaded: 6, failure: null })
      expect(other.upload?.waitingFor).toBeUndefined()
    })
  }

  it('with more stored than a batch holds: a batch whose acknowledgement has no room is not sent over and over', async () => {
    world.fate = (method) => (method === 'POST' ? 'lost' : 'through')
    const sink = start({ url: PATH, highWaterMark: 1e9 })
    const texts = Array.from({ length: 6 }, (_, i) => String(i).repeat(400_000))
    for (const text of texts) await sink.write(text)
    await until(async () => (await upload(sink))?.waitingFor === 'server')
    const before = world.requests.length
    store.full = true
    void sink.write('e')
    world.fate = () => 'through'
    await timeUntil(async () => (await world.text()) !== '', 'the batch that was planned while there was room')
    await timePasses(60)
    expect(world.requests.slice(before).filter((request) => request.startsWith('POST '))).toEqual(['POST 0'])
    expect((await stored(sink)) === texts.join(''), 'everything stays stored').toBe(true)
    store.full = false
    void sink.close()
    await timeUntil(async () => (await world.ending()) !== null, 'the end on the server')
    await sink.uploaded
    expect((await world.text()) === `${texts.join('')}e`, 'what the server has is what was written').toBe(true)
  })

  it('what the hub that dies had in memory alone was not sent: what is sent next has a number of its own', async () => {
    const page = world.openTab()
    const sink = start(PATH, page.channel('notes'))
    await sink.write('a')
    await arrived('a')
    await until(async () => (await upload(sink))?.sending === null)
    store.full = true
    await sink.write('lost with its hub')
    await timePasses(5)
    expect(world.requests).not.toContain('POST 1')
    store.full = false
    world.killHub()
    world.killTab(page.tag)
    channel()
    await timeUntil(async () => (await world.ending()) !== null, 'the end on the server')
    expect([await world.text(), await stored(sink)]).toEqual(['a', 'a'])
  })

  it('for longer than the lease: the server hears that the page is there', async () => {
    const sink = start({ url: PATH, lease: 60 })
    await sink.write('a')
    await arrived('a')
    await settle()
    store.full = true
    await sink.write('b')
    for (let second = 0; second < 300; second += 3) {
      await timePasses(3)
      await world.handler.endOrphans()
    }
    expect(await world.ending()).toBeNull()
    await world.cancelOnServer()
    await timeUntil(() => sink.signal.aborted, 'the page to hear that nobody wants more')
    expect(sink.signal.reason).toMatchObject({ code: 'cancelled' })
    store.full = false
    await timeUntil(async () => (await upload(sink))?.over === true, 'the write-back')
    expect(await stored(sink)).toBe('ab')
  })

  it('from the start: a stream of which nothing is stored is uploaded out of memory, and stored later', async () => {
    store.full = true
    const sink = start()
    await sink.write('a')
    await arrived('a')
    await sink.write('b')
    await arrived('ab')
    store.full = false
    await timeUntil(async () => (await store.row(sink.id)) !== undefined, 'the write-back')
    await sink.write('c')
    void sink.close()
    await timeUntil(async () => (await world.ending()) !== null, 'the end on the server')
    await sink.uploaded
    expect([await world.text(), await stored(sink)]).toEqual(['abc', 'abc'])
  })
})

describe('back-pressure', () => {
  it('offline, writes resolve up to the bound; what waits goes on when the network is back', async () => {
    world.fate = () => 'lost'
    const sink = start({ url: PATH, highWaterMark: 10 })
    for (let i = 0; i < 10; i++) await sink.write('x')
    let through = false
    const eleventh = sink.write('y').then(() => (through = true))
    await settle()
    expect([(await store.row(sink.id))?.seq, through], 'stored, and waiting').toEqual([11, false])
    world.fate = () => 'through'
    // As when the browser says that it is online.
    world.hub.nudge()
    await eleventh
    await arrived('xxxxxxxxxxy')
  })

  it('reaches the source of a pipe', async () => {
    world.fate = () => 'lost'
    let pulled = 0
    const source = new ReadableStream<string>(
      {
        pull: (controller) => {
          if (pulled === 200) return controller.close()
          pulled += 1
          controller.enqueue('x'.repeat(1_000))
        },
      },
      { highWaterMark: 0 },
    )
    const sink = await channel().pipeFrom(source, { to: { url: PATH, highWaterMark: 20_000 } })
    await until(() => pulled > 20)
    await settle(100)
    // The bound, what the Web stream itself holds (64 Ki), and one of each.
    expect(pulled).toBeLessThan(100)
    world.fate = () => 'through'
    world.hub.nudge()
    await sink.uploaded
    expect((await world.bytes()).length).toBe(200_000)
  })
})

describe('an end from the other side', () => {
  it('cancelled by the reading side while chunks flow: the page’s signal aborts with the next one', async () => {
    const other = channel()
    const sink = start()
    await sink.write('a')
    await arrived('a')
    expect((await world.cancelOnServer()).status).toBe(200)
    void sink.write('b')
    await until(() => sink.signal.aborted)
    expect(sink.signal.reason).toMatchObject({ code: 'cancelled' })
    await until(() => other.ending?.kind === 'cancelled')
    expect(other).toMatchObject({ status: 'stopped', upload: { done: false, failure: { code: 'cancelled' } } })
    await expect(sink.uploaded).rejects.toMatchObject({ code: 'cancelled' })
    expect(await world.text()).toBe('a')
  })

  it('cancelled while nothing is written: within three seconds', async () => {
    const sink = start()
    await sink.write('a')
    await arrived('a')
    await until(async () => (await upload(sink))?.sending === null)
    await settle()
    await world.cancelOnServer()
    world.clock.advance(3_000)
    await until(() => sink.signal.aborted)
    expect(sink.signal.reason).toMatchObject({ code: 'cancelled' })
  })

  it('a page that is gone ends the server’s stream too, after everything that was stored', async () => {
    channel()
    let letGo: () => void = () => undefined
    world.slow = new Promise((resolve) => (letGo = resolve))
    const page = world.openTab()
    const sink = start(PATH, page.channel('notes'))
    await sink.write('all that there was')
    world.killTab(page.tag)
    letGo()
    world.slow = null
    await until(async () => (await world.ending()) !== null)
    expect(await world.ending()).toEqual({ kind: 'error', code: 'producer-lost' })
    expect(await world.text()).toBe('all that there was')
  })

  it('signs of life keep the lease of a page that says nothing; a browser that is gone lets it run out', async () => {
    const sink = start({ url: PATH, lease: 60 })
    await sink.write('a')
    await arrived('a')
    for (let second = 0; second < 300; second += 3) {
      world.clock.advance(3_000)
      await settle(5)
      await world.handler.endOrphans()
    }
    expect(await world.ending()).toBeNull()
    world.fate = () => 'lost'
    for (let second = 0; second < 120; second += 3) {
      world.clock.advance(3_000)
      await settle(5)
      await world.handler.endOrphans()
    }
    expect(await world.ending()).toEqual({ kind: 'error', code: 'producer-lost' })
    // Back too late: the page hears of it.
    world.fate = () => 'through'
    await until(() => {
      world.clock.advance(1_000)
      return sink.signal.aborted
    })
    expect(sink.signal.reason).toMatchObject({ code: 'producer-lost' })
    expect((sink.signal.reason as Error).message).toContain('longer than its lease')
  })
})
