import { afterEach, beforeEach, describe, expect, it } from 'vitest'
// What a page loads with its first reader: here it is to take no turns of the event loop.
import '../../../src/client/log-reader.ts'
import { PageReader } from '../../../src/client/page-reader.ts'
import type { Chunk } from '../../../src/protocol/chunk.ts'
import type { ReadOptions } from '../../../src/client/api.ts'
import { packChunks, type PackedChunks } from '../../../src/protocol/packed-chunks.ts'
import { until } from '../hub/world.ts'
import { Page, ScriptedHub, snapshot, texts } from './scripted-hub.ts'

let page: Page

beforeEach(() => {
  page = new Page()
})

afterEach(() => page.close())

const read = (options: ReadOptions = {}): PageReader =>
  new PageReader(page.connection, 'c', { streamId: 's', ...options })

const attached = (count = 1): Promise<void> => until(() => page.hub.attached.length >= count, 'the reader to attach')

async function collect(reader: PageReader, seen: string[] = []): Promise<string[]> {
  for await (const chunk of reader) seen.push(String(chunk.data))
  return seen
}

const done = { status: 'done', ending: { kind: 'done' } } as const

describe('a reader', () => {
  it('acknowledges a batch only once its last chunk was pulled, and holds no second one', async () => {
    const reader = read()
    await attached()
    let acked: number | undefined
    const ack = page.hub.deliver(1, texts('a', 'b')).then((next) => (acked = next))
    const iterator = reader[Symbol.asyncIterator]()
    expect((await iterator.next()).value).toMatchObject({ seq: 1 })
    expect((await iterator.next()).value).toMatchObject({ seq: 2 })
    expect(acked).toBeUndefined()
    const third = iterator.next()
    await ack
    expect(acked).toBe(3)
    void page.hub.deliver(3, texts('c'))
    expect((await third).value).toMatchObject({ seq: 3, data: 'c' })
  })

  it('loses nothing of what it had not pulled when the hub dies and the next one delivers what follows', async () => {
    const reader = read()
    await attached()
    void page.hub.deliver(1, texts('a', 'b', 'c'))
    const iterator = reader[Symbol.asyncIterator]()
    expect((await iterator.next()).value).toMatchObject({ data: 'a' })
    const next = new ScriptedHub('hub2')
    next.attach = ({ from }) =>
      Promise.resolve({ ok: true, value: { snapshot: snapshot({ seq: 5 }), fromSeq: from as number } })
    await page.replaceHub(next)
    await attached()
    expect(next.attached[0]?.from).toBe(4)
    void next.deliver(4, texts('d', 'e'), { snapshot: snapshot({ seq: 5, ...done }) })
    // The next hub's batch has arrived long before the reader is ready for it.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(await collect(reader, ['a'])).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  it('ends after the last chunk of a stream that is done, not before', async () => {
    const reader = read()
    page.hub.attach = () =>
      Promise.resolve({ ok: true, value: { snapshot: snapshot({ seq: 2, ...done }), fromSeq: 1 } })
    await attached()
    const reading = collect(reader)
    void page.hub.deliver(1, texts('a', 'b'), { snapshot: snapshot({ seq: 2, ...done }) })
    expect(await reading).toEqual(['a', 'b'])
    expect(reader.lastSeq).toBe(2)
  })

  it('throws the failure of a stream that ended in an error, after its last chunk', async () => {
    const failed = snapshot({
      seq: 1,
      status: 'error',
      ending: { kind: 'error' },
      failure: { code: 'upstream-error', message: 'overloaded' },
    })
    const reader = read()
    await attached()
    const seen: string[] = []
    const reading = collect(reader, seen)
    void page.hub.deliver(1, texts('a'), { snapshot: failed })
    await expect(reading).rejects.toMatchObject({ code: 'upstream-error', message: 'overloaded' })
    expect(seen).toEqual(['a'])
  })

  it('ends with a gap error in the gap’s place: what stands before it is handed out, what follows is not', async () => {
    const reader = read()
    await attached()
    const seen: string[] = []
    const reading = collect(reader, seen)
    const gap = { fromSeq: 2, toSeq: 2, reason: 'damaged' } as const
    void page.hub.deliver(1, texts('a', '', 'c'), {
      packs: [...packsOf(1, 'a'), ...packsOf(3, 'c')],
      missing: [gap],
    })
    await expect(reading).rejects.toMatchObject({ code: 'gap', data: gap })
    expect(seen).toEqual(['a'])
  })

  it('tells onGap in its place, and goes on', async () => {
    const seen: string[] = []
    const reader = read({ onGap: ({ fromSeq, toSeq }) => seen.push(`gap ${fromSeq}-${toSeq}`) })
    await attached()
    const reading = collect(reader, seen)
    void page.hub.deliver(1, texts('a', '', '', 'd'), {
      packs: [...packsOf(1, 'a'), ...packsOf(4, 'd')],
      missing: [{ fromSeq: 2, toSeq: 3, reason: 'retention' }],
      snapshot: snapshot({ seq: 4, ...done }),
    })
    await reading
    expect(seen).toEqual(['a', 'gap 2-3', 'd'])
  })

  it('from a seq that is not there yet waits for it, and hands out nothing before', async () => {
    const reader = read({ from: 4 })
    page.hub.attach = ({ from }) =>
      Promise.resolve({ ok: true, value: { snapshot: snapshot({ seq: 2 }), fromSeq: Math.min(from as number, 3) } })
    await attached(2)
    const reading = collect(reader)
    await page.hub.deliver(1, texts('a', 'b'))
    void page.hub.deliver(3, texts('c', 'd', 'e'), { snapshot: snapshot({ seq: 5, ...done }) })
    expect(await reading).toEqual(['d', 'e'])
  })

  it('asks for a tail once, and after a hub’s death goes on from its place', async () => {
    const reader = read({ tail: 2 })
    page.hub.attach = () => Promise.resolve({ ok: true, value: { snapshot: snapshot({ seq: 9 }), fromSeq: 8 } })
    await attached()
    expect(page.hub.attached[0]).toMatchObject({ from: 'live', tail: 2 })
    const iterator = reader[Symbol.asyncIterator]()
    const pulls = [iterator.next(), iterator.next(), iterator.next()]
    await page.hub.deliver(8, texts('h', 'i'))
    const next = new ScriptedHub('hub2')
    next.attach = () => Promise.resolve({ ok: true, value: { snapshot: snapshot({ seq: 9 }), fromSeq: 10 } })
    await page.replaceHub(next)
    await attached()
    expect(next.attached[0]).toMatchObject({ from: 10 })
    expect(next.attached[0]?.tail).toBeUndefined()
    void next.deliver(10, texts('j'))
    const chunks = (await Promise.all(pulls)).map(({ value }) => (value as Chunk).data)
    expect(chunks).toEqual(['h', 'i', 'j'])
  })

  it('waits for a stream in an empty channel, and takes a live one that began meanwhile from its first chunk', async () => {
    const reader = new PageReader(page.connection, 'c', { from: 'live' })
    page.hub.attach = ({ streamId }) =>
      Promise.resolve({
        ok: true,
        value: streamId === null ? { snapshot: null, fromSeq: 1 } : { snapshot: snapshot(), fromSeq: 1 },
      })
    await attached()
    await page.hub.deliver(1, [], { snapshot: snapshot() })
    await attached(2)
    expect(page.hub.attached[1]).toMatchObject({ streamId: 's', from: 1 })
    const reading = collect(reader)
    void page.hub.deliver(1, texts('a'), { snapshot: snapshot({ seq: 1, ...done }) })
    expect(await reading).toEqual(['a'])
  })

  it('hands out chunks as a Web stream', async () => {
    const reader = read()
    await attached()
    const from = reader.readable.getReader()
    const first = from.read()
    void page.hub.deliver(1, texts('a'), { snapshot: snapshot({ seq: 1, ...done }) })
    expect((await first).value).toMatchObject({ data: 'a' })
    expect((await from.read()).done).toBe(true)
  })
})

describe('letting go of a reader', () => {
  it('detaches from the hub when its loop is left', async () => {
    const reader = read()
    await attached()
    void page.hub.deliver(1, texts('a', 'b'))
    for await (const chunk of reader) {
      expect(chunk.data).toBe('a')
      break
    }
    await until(() => page.hub.detached.length === 1, 'the cursor to go')
    expect((await reader[Symbol.asyncIterator]().next()).done).toBe(true)
  })

  it('cancel ends a pull that waits', async () => {
    const reader = read()
    await attached()
    const pull = reader[Symbol.asyncIterator]().next()
    await reader.cancel()
    expect(await pull).toEqual({ value: undefined, done: true })
  })

  it('its signal ends it with `aborted`, at once, also when given aborted', async () => {
    const abort = new AbortController()
    const reader = read({ signal: abort.signal })
    await attached()
    void page.hub.deliver(1, texts('a'))
    const iterator = reader[Symbol.asyncIterator]()
    await iterator.next()
    const pull = iterator.next()
    abort.abort(new Error('enough'))
    await expect(pull).rejects.toMatchObject({ code: 'aborted' })
    const late = read({ signal: abort.signal })
    await expect(late[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'aborted' })
    expect(page.hub.attached).toHaveLength(1)
  })

  it('I8: a page that closes its hub ends every reader, and refuses new ones, with `closed`', async () => {
    const waiting = read()[Symbol.asyncIterator]().next()
    await attached()
    page.connection.close()
    await expect(waiting).rejects.toMatchObject({ code: 'closed' })
    await expect(read()[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'closed' })
  })

  it('a stream that was deleted ends its reader with `unknown-stream`', async () => {
    const pull = read()[Symbol.asyncIterator]().next()
    await attached()
    await until(() => page.hub.tab !== null)
    await page.hub.tab?.gone(page.hub.attached[0]?.cursorId ?? 0, 's')
    await expect(pull).rejects.toMatchObject({ code: 'unknown-stream' })
  })

  it('a stream whose id is another one’s when the next hub comes ends its reader, too', async () => {
    const seen: string[] = []
    const reading = collect(read(), seen)
    await attached()
    await page.hub.deliver(1, texts('a', 'b'))
    const next = new ScriptedHub('hub2')
    next.attach = () =>
      Promise.resolve({ ok: true, value: { snapshot: snapshot({ seq: 9, createdAt: 2 }), fromSeq: 3 } })
    await page.replaceHub(next)
    await expect(reading).rejects.toMatchObject({ code: 'unknown-stream' })
    expect(seen).toEqual(['a', 'b'])
  })

  it('a bad place is refused with a typed error', async () => {
    page.hub.attach = () => Promise.resolve({ ok: false, error: { code: 'bad-message', message: 'from' } })
    await expect(read({ from: -1 })[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'bad-message' })
  })
})

function packsOf(fromSeq: number, data: string): PackedChunks[] {
  return packChunks(texts(data), fromSeq)
}
