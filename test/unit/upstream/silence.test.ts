import { describe, expect, it } from 'vitest'
import { createConnectUpstream } from '../../../src/upstream/connect-upstream.ts'
import { collect, request, source, type Collected } from './collect.ts'
import { settle, Timers } from './timers.ts'

/** A response that stays open, and the way to write to it. */
function live(headers: Record<string, string>): { response: Response; write: (text: string) => void } {
  let write: ((text: string) => void) | undefined
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => void (write = (text) => controller.enqueue(Buffer.from(text))),
  })
  return { response: new Response(body, { headers }), write: (text) => write?.(text) }
}

const never = (_: unknown, init?: RequestInit): Promise<Response> =>
  new Promise((_resolve, reject) => {
    init?.signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')))
  })

const SSE = { 'content-type': 'text/event-stream' }
const URL_ = 'http://a.test/'

/** Starts reading in the background. */
function reading(fetch: typeof globalThis.fetch, from = source({ url: URL_ }), signal?: AbortSignal) {
  const timers = new Timers()
  const state: { result: Collected | null } = { result: null }
  const connect = createConnectUpstream({ fetch, now: () => 7, delay: timers.delay })
  void collect(connect, request(from), signal).then((result) => (state.result = result))
  return { timers, state }
}

describe('fault 16: a socket that looks open and is dead', () => {
  it('is noticed once more than three promised heartbeats are missing, and goes on from where it was', async () => {
    const { response, write } = live({ ...SSE, 'stream-heartbeat': '15' })
    const { timers, state } = reading(() => Promise.resolve(response))
    write('id: 4\ndata: a\n\n')
    await settle()
    expect(timers.running).toEqual([15_000])
    await timers.runOut(3)
    expect(state.result).toBeNull()
    await timers.runOut()
    expect(state.result).toMatchObject({ data: ['a'], position: { token: '4' }, error: { code: 'network' } })
    expect(timers.running).toEqual([])
  })

  it('is none while heartbeats come', async () => {
    const { response, write } = live({ ...SSE, 'stream-heartbeat': '15' })
    const { timers, state } = reading(() => Promise.resolve(response))
    await settle()
    for (let beat = 0; beat < 10; beat++) {
      await timers.runOut(3)
      write(': \n\n')
      await settle()
    }
    expect(state.result).toBeNull()
  })

  it.each([null, '0', 'soon'])('is never assumed of a server that promised nothing: %s', async (promise) => {
    const { response } = live({ ...SSE, ...(promise !== null && { 'stream-heartbeat': promise }) })
    const { timers, state } = reading(() => Promise.resolve(response))
    await settle()
    expect(timers.running).toEqual([])
    expect(state.result).toBeNull()
  })

  it('is not assumed while it is the reader who does not read', async () => {
    const { response, write } = live({ ...SSE, 'stream-heartbeat': '1' })
    const timers = new Timers()
    const connect = createConnectUpstream({ fetch: () => Promise.resolve(response), delay: timers.delay })
    const frames = (await connect(request(source({ url: URL_ })), new AbortController().signal))[Symbol.asyncIterator]()
    write('data: a\n\n')
    await frames.next()
    await timers.runOut(20)
    write('data: b\n\n')
    expect((await frames.next()).value).toMatchObject({ chunks: [{ data: 'b' }] })
    await frames.return?.()
    expect(timers.running).toEqual([])
  })

  it('is noticed in a live read of a durable stream', async () => {
    const page = { 'content-type': 'application/json', 'stream-next-offset': '1', 'stream-up-to-date': 'true' }
    const sse = live({ ...SSE, 'stream-heartbeat': '15' })
    const { timers, state } = reading((input) =>
      Promise.resolve((input as string).includes('live=sse') ? sse.response : new Response('["a"]', { headers: page })),
    )
    await settle()
    sse.write('event: control\ndata: {"streamNextOffset":"1"}\n\n')
    await settle()
    await timers.runOut(4)
    expect(state.result).toMatchObject({ data: ['"a"'], position: { token: '1' }, error: { code: 'network' } })
  })
})

describe('a head that never comes', () => {
  it('is a lost connection after a minute', async () => {
    const { timers, state } = reading(never)
    await timers.runOut(3)
    expect(state.result).toBeNull()
    expect(timers.running).toEqual([15_000])
    await timers.runOut()
    expect(state.result?.error?.code).toBe('network')
  })

  it('is waited for five minutes after a POST, whose model may think', async () => {
    const { timers, state } = reading(never, source({ url: URL_, method: 'POST', body: '{}' }))
    await timers.runOut(19)
    expect(state.result).toBeNull()
    await timers.runOut()
    expect(state.result?.error?.code).toBe('network')
  })
})

describe('a long-poll that is not answered', () => {
  const TEXT = { 'content-type': 'text/plain', 'stream-next-offset': '1', 'stream-up-to-date': 'true' }
  const asked: string[] = []
  const aborted: string[] = []
  /** A durable stream of text whose first long-poll hangs. */
  const serve =
    (afterwards: (input: string, init?: RequestInit) => Promise<Response>): typeof fetch =>
    (input, init) => {
      const url = input as string
      asked.push(new URL(url).search)
      if (!url.includes('long-poll')) {
        if (asked.length === 1) return Promise.resolve(new Response('a', { headers: TEXT }))
        return afterwards(url, init)
      }
      if (asked.length > 2) return afterwards(url, init)
      init?.signal?.addEventListener('abort', () => aborted.push(url))
      return never(url, init)
    }

  it('is given up and followed by a plain read, which finds what the dead socket did not bring', async () => {
    asked.length = aborted.length = 0
    const end = { ...TEXT, 'stream-next-offset': '2', 'stream-closed': 'true' }
    const { timers, state } = reading(serve(() => Promise.resolve(new Response('b', { headers: end }))))
    await settle()
    await timers.runOut(4)
    expect(state.result).toBeNull()
    await timers.runOut()
    expect(asked).toEqual(['', '?offset=1&live=long-poll', '?offset=1'])
    expect(aborted).toHaveLength(1)
    expect(state.result).toMatchObject({ data: ['a', 'b'], ending: { kind: 'done' }, error: null })
  })

  it('is asked again where the server is alive and only waits for longer than others', async () => {
    asked.length = aborted.length = 0
    const closing = new AbortController()
    const headers = { ...TEXT }
    const { timers, state } = reading(
      serve((url, init) =>
        url.includes('long-poll') ? never(url, init) : Promise.resolve(new Response('', { headers })),
      ),
      source({ url: URL_ }),
      closing.signal,
    )
    await settle()
    await timers.runOut(10)
    expect(asked.slice(-2)).toEqual(['?offset=1', '?offset=1&live=long-poll'])
    expect(asked).toHaveLength(6)
    closing.abort()
    await settle()
    expect(state.result).toMatchObject({ data: ['a'], error: { code: 'aborted' } })
  })
})
