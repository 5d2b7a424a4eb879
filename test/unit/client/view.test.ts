import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import '../../../src/client/content.ts'
import { View } from '../../../src/client/view.ts'
import { until } from '../hub/world.ts'
import { Page, ScriptedHub, snapshot, texts } from './scripted-hub.ts'

let page: Page
let view: View

beforeEach(() => {
  page = new Page()
  view = new View(page.connection, 'c', null)
})

afterEach(() => page.close())

const attached = (count: number): Promise<void> => until(() => page.hub.attached.length >= count)
/** Somebody reads the text, and the hub knows. */
async function reading(): Promise<void> {
  void view.state.text
  await until(() => page.hub.attached.some(({ chunks }) => chunks === true), 'the view to ask for chunks')
}

const done = { status: 'done', ending: { kind: 'done' } } as const

describe('a view', () => {
  it('asks for no chunks until somebody reads text', async () => {
    await attached(1)
    expect(page.hub.attached[0]).toMatchObject({ streamId: null, chunks: false })
    await until(() => view.state.streamId === 's')
    expect(view.state.text).toBe('')
    await attached(2)
    expect(page.hub.attached[1]).toMatchObject({ chunks: true, from: 1 })
    await until(() => page.hub.detached.length === 1)
    await page.hub.deliver(1, texts('a', 'b'), { snapshot: snapshot({ seq: 2 }) })
    expect(view.state.text).toBe('ab')
  })

  it('is the same object until something changes, and what was read of it stays as it was', async () => {
    await reading()
    await page.hub.deliver(1, texts('a'), { snapshot: snapshot({ seq: 1 }) })
    const before = view.state
    expect(view.state).toBe(before)
    await page.hub.deliver(2, texts('b'), { snapshot: snapshot({ seq: 2, version: 2 }) })
    expect(view.state).not.toBe(before)
    expect([before.text, before.seq]).toEqual(['a', 1])
    expect([view.state.text, view.state.seq]).toEqual(['ab', 2])
  })

  it('shows an end with the last chunk, not before', async () => {
    await reading()
    const ended = snapshot({ seq: 2, ...done })
    await page.hub.deliver(1, texts('a'), {})
    expect(view.state).toMatchObject({ status: 'streaming', ending: null })
    await page.hub.deliver(2, texts('b'), { snapshot: ended })
    expect(view.state).toMatchObject({ status: 'done', done: true, loading: false, ending: { kind: 'done' } })
  })

  it('starts anew where the next hub has another stream of the same id', async () => {
    await reading()
    await page.hub.deliver(1, texts('a', 'b'), { snapshot: snapshot({ seq: 2 }) })
    const next = new ScriptedHub('hub2')
    const another = snapshot({ seq: 3, createdAt: 2 })
    next.attach = ({ from }) => Promise.resolve({ ok: true, value: { snapshot: another, fromSeq: from as number } })
    await page.replaceHub(next)
    await until(() => next.attached.length === 2, 'the view to ask from the start')
    expect(next.attached.map(({ from }) => from)).toEqual([3, 1])
    await next.deliver(1, texts('1', '2', '3'), { bootId: 'hub2', createdAt: 2, snapshot: another })
    expect(view.state).toMatchObject({ text: '123', seq: 3 })
  })

  it('that shows a stream of the same id by now does not hear that the old one is gone', async () => {
    await reading()
    await page.hub.deliver(1, texts('a'), { snapshot: snapshot({ seq: 1 }) })
    view.learn(snapshot({ createdAt: 2 }))
    await page.hub.tab?.gone(page.hub.attached.at(-1)?.cursorId ?? 0, 's', 1)
    expect(view.state.streamId).toBe('s')
    await page.hub.tab?.gone(page.hub.attached.at(-1)?.cursorId ?? 0, 's', 2)
    expect(view.state.streamId).toBeNull()
  })

  it('starts anew with the channel’s next stream', async () => {
    await reading()
    await page.hub.deliver(1, texts('a'), { snapshot: snapshot({ seq: 1 }) })
    await page.hub.deliver(1, texts('z'), {
      streamId: 't',
      createdAt: 2,
      snapshot: snapshot({ streamId: 't', createdAt: 2, seq: 1 }),
    })
    expect(view.state).toMatchObject({ streamId: 't', text: 'z', seq: 1 })
    // What comes late of the first one is refused.
    expect(await page.hub.deliver(2, texts('b'), { snapshot: snapshot({ seq: 2 }) })).toBe(2)
    expect(view.state).toMatchObject({ streamId: 't', text: 'z' })
  })

  it('learns of a newer stream from an answer, and of an older one nothing', async () => {
    await until(() => view.state.streamId === 's')
    view.learn(snapshot({ streamId: 'older', createdAt: 0 }))
    expect(view.state.streamId).toBe('s')
    view.learn(snapshot({ streamId: 'newer', createdAt: 2 }))
    expect(view.state.streamId).toBe('newer')
  })

  it('shows gaps', async () => {
    await reading()
    const gap = { fromSeq: 1, toSeq: 1, reason: 'damaged' } as const
    await page.hub.deliver(1, texts('x'), { packs: [], missing: [gap], snapshot: snapshot({ seq: 1 }) })
    expect(view.state).toMatchObject({ gaps: [gap], text: '', seq: 1 })
  })

  it('cut back by the hub, it shows what the log has', async () => {
    await reading()
    await page.hub.deliver(1, texts('a', 'b', 'c'), { snapshot: snapshot({ seq: 3 }) })
    page.connection.pause()
    page.hub.attach = ({ from }) =>
      Promise.resolve({ ok: true, value: { snapshot: snapshot({ seq: 1 }), fromSeq: Math.min(from as number, 2) } })
    const before = page.hub.attached.length
    page.connection.resume()
    await attached(before + 2)
    await page.hub.deliver(1, texts('a'), { snapshot: snapshot({ seq: 1 }) })
    expect(view.state).toMatchObject({ text: 'a', seq: 1 })
  })
})

describe('subscribing', () => {
  it('tells of each change until it is ended, by its answer or its signal', async () => {
    let one = 0
    let two = 0
    const abort = new AbortController()
    const off = view.subscribe(() => (one += 1))
    view.subscribe(() => (two += 1), { signal: abort.signal })
    view.subscribe(() => (two += 100), { signal: AbortSignal.abort() })
    await until(() => one > 0)
    expect(two).toBe(one)
    off()
    abort.abort()
    const before = [one, two]
    await page.hub.deliver(1, [], { snapshot: snapshot({ version: 5, status: 'reconnecting' }) })
    expect(view.state.status).toBe('reconnecting')
    expect([one, two]).toEqual(before)
  })
})

describe('a view whose hub is no more', () => {
  it('says why, and forgets it when a hub is there again, also in an empty channel', async () => {
    page.hub.attach = () => Promise.resolve({ ok: false, error: { code: 'store', message: 'The disk is full.' } })
    await until(() => view.state.failure !== null)
    expect(view.state).toMatchObject({ error: 'The disk is full.', status: 'idle' })
    await expect(view.known()).rejects.toMatchObject({ code: 'store' })
    page.hub.attach = () => Promise.resolve({ ok: true, value: { snapshot: null, fromSeq: 1 } })
    page.connection.pause()
    page.connection.resume()
    await until(() => view.state.failure === null)
    expect(await view.known()).toBeNull()
  })

  it('I8: whoever waits for it is told when it closes', async () => {
    page.hub.attach = () => new Promise(() => undefined)
    await attached(1)
    const waiting = view.known()
    await page.connection.connected()
    await Promise.resolve()
    view.close()
    await expect(waiting).rejects.toMatchObject({ code: 'closed' })
  })

  it('a stream that was deleted leaves an empty channel, and a view of that stream alone says so', async () => {
    const own = new View(page.connection, 'c', 's')
    await attached(2)
    await until(() => view.state.streamId === 's' && own.state.streamId === 's')
    for (const { cursorId } of page.hub.attached) await page.hub.tab?.gone(cursorId, 's')
    expect(view.state).toMatchObject({ streamId: null, status: 'idle', failure: null })
    expect(own.state).toMatchObject({ streamId: null, failure: { code: 'unknown-stream' } })
  })
})
