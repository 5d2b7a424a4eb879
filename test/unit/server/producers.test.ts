import { PassThrough, Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream as NodeReadableStream } from 'node:stream/web'
import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from 'vitest'
import { HeadwaterError } from '../../../src/protocol/errors.ts'
import type { ServerChannel } from '../../../src/server/producers/server-channel.ts'
import type { AppendRequest, AppendResult, StreamName } from '../../../src/server/stream-store.ts'
import { Client } from './client.ts'

let client: Client
let jobs: ServerChannel
beforeEach(() => {
  client = new Client()
  jobs = client.handler.channel('jobs')
})
afterEach(() => client.handler.close())

const read = async (id: string): Promise<string> => (await client.get(`/v1/stream/jobs/${id}?offset=-1`)).text()
const endingOf = async (id: string): Promise<string | null> =>
  (await client.send('HEAD', `/v1/stream/jobs/${id}`)).headers.get('stream-ending')
const cancel = (id: string): Promise<Response> => client.send('POST', `/v1/channels/jobs/cancel?run=${id}`)

/** The code of what aborted a signal. */
async function whyAborted(signal: AbortSignal): Promise<string> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  return (signal.reason as HeadwaterError).code
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const thrown = await promise.then(
    () => null,
    (error: unknown) => error,
  )
  return thrown instanceof HeadwaterError ? thrown.code : String(thrown)
}

async function all<T>(chunks: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const chunk of chunks) list.push(chunk)
  return list
}

function streamOf(...chunks: string[]): ReadableStream<string> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk)
      controller.close()
    },
  })
}

describe('a producer on the server', () => {
  it('has stored a chunk when its write resolves, and everything in order when it closes', async () => {
    const sink = await jobs.start({ id: '7' })
    await sink.write('one ')
    expect(await read('7')).toBe('one ')
    for (const word of ['two ', 'three ', 'four']) void sink.write(word)
    await sink.close()
    expect([await read('7'), sink.url, sink.id, sink.signal.aborted]).toEqual([
      'one two three four',
      '/v1/stream/jobs/7',
      '7',
      false,
    ])
    expect(await codeOf(sink.write('late'))).toBe('closed')
  })

  it('is followed live, and by late readers from the start; readers that go do not touch it', async () => {
    const sink = await jobs.start({ id: '7' })
    await sink.write('early ')
    const body = (await client.get('/v1/stream/jobs/7?offset=-1&live=sse')).body
    const reader = body?.pipeThrough(new TextDecoderStream()).getReader()
    let heard = ''
    const until = async (word: string): Promise<void> => {
      while (!heard.includes(word)) heard += (await reader?.read())?.value ?? ''
    }
    await until('early')
    await sink.write('late')
    await until('late')
    await reader?.cancel()
    await expect.poll(() => client.figure('headwater_readers')).toBe(0)
    await sink.write('r')
    await sink.close()
    expect([sink.signal.aborted, await read('7')]).toEqual([false, 'early later'])
  })

  it('writes several streams of a channel at once', async () => {
    const sinks = await Promise.all(['a', 'b', 'c'].map((id) => jobs.start({ id })))
    await Promise.all(sinks.map((sink) => sink.write(sink.id)))
    expect(await client.figure('headwater_producers')).toBe(3)
    await Promise.all(sinks.map((sink) => sink.close()))
    expect(await Promise.all(['a', 'b', 'c'].map(read))).toEqual(['a', 'b', 'c'])
    expect(await client.figure('headwater_producers')).toBe(0)
  })

  it('is refused an id that is live or was used, with errors that say so', async () => {
    const sink = await jobs.start({ id: '7' })
    expect(await codeOf(jobs.start({ id: '7' }))).toBe('live-id')
    await sink.close()
    expect(await codeOf(jobs.start({ id: '7' }))).toBe('bad-id')
    expect(await codeOf(jobs.start({ id: '' }))).toBe('bad-id')
    expect(await codeOf(jobs.start({ contentType: 'text' }))).toBe('bad-source')
    expect(await codeOf(jobs.start({ ttlSeconds: 0 }))).toBe('bad-source')
    expect(() => client.handler.channel('')).toThrow(HeadwaterError)
  })

  it('hears of a cancel at once', async () => {
    const sink = await jobs.start({ id: '7' })
    await sink.write('half')
    const cancelled = await cancel('7')
    expect(await cancelled.json()).toMatchObject({ status: 'cancelled' })
    expect(await whyAborted(sink.signal)).toBe('cancelled')
    expect(await codeOf(sink.write('more'))).toBe('cancelled')
    expect(await codeOf(sink.close())).toBe('cancelled')
    expect([await read('7'), await endingOf('7')]).toEqual(['half', '{"kind":"cancelled"}'])
  })

  it('hears that its stream was deleted', async () => {
    const sink = await jobs.start({ id: '7' })
    await client.send('DELETE', '/v1/stream/jobs/7')
    expect(await whyAborted(sink.signal)).toBe('unknown-stream')
  })

  it('says that it failed, with a code and without a message', async () => {
    await (await jobs.start({ id: 'a' })).error(Object.assign(new Error('/home/me'), { code: 'ENOENT' }))
    await (await jobs.start({ id: 'b' })).error('a secret')
    expect([await endingOf('a'), await endingOf('b')]).toEqual([
      '{"kind":"error","code":"ENOENT"}',
      '{"kind":"error","code":"upstream-error"}',
    ])
  })

  it('keeps the messages of a JSON stream apart, and refuses what is no JSON', async () => {
    const sink = await jobs.start({ id: '7', contentType: 'application/json' })
    await sink.write({ token: 'a' })
    await sink.write(['b', 2])
    expect(await codeOf(sink.write(undefined))).toBe('bad-message')
    await sink.close()
    expect(await (await client.get('/v1/stream/jobs/7')).json()).toEqual([{ token: 'a' }, ['b', 2]])
  })

  it('joins a character that was cut between two chunks', async () => {
    const sink = await jobs.start({ id: '7' })
    const [high = '', low = ''] = '\u{1f30a}'.split('')
    await sink.write(`a${high}`)
    await sink.write(`${low}b`)
    await sink.write(high)
    await sink.close()
    expect(await read('7')).toBe('a\u{1f30a}b\ufffd')
  })

  it('has its own copy of what it was given', async () => {
    const sink = await jobs.start({ id: '7', contentType: 'application/octet-stream' })
    const buffer = new TextEncoder().encode('one')
    const written = sink.write(buffer)
    buffer.fill(0)
    await written
    await sink.close()
    expect(await read('7')).toBe('one')
  })

  it('ends as an error when it runs ahead of the store without ever waiting', async () => {
    const sink = await jobs.start({ id: '7', contentType: 'application/octet-stream' })
    const chunk = new Uint8Array(15 * 1024 * 1024)
    for (let i = 0; i < 5; i++) void sink.write(chunk)
    expect(await whyAborted(sink.signal)).toBe('too-large')
    await expect.poll(() => endingOf('7')).toBe('{"kind":"error","code":"too-large"}')
    expect((await client.store.info({ channel: 'jobs', run: '7' })) as object).toMatchObject({
      tail: { byte: 4 * chunk.byteLength },
    })
  })

  it('ends as lost when its server closes, and none starts after', async () => {
    const sink = await jobs.start({ id: '7' })
    await sink.write('half')
    await client.handler.close()
    expect(await whyAborted(sink.signal)).toBe('producer-lost')
    expect(await client.store.info({ channel: 'jobs', run: '7' })).toMatchObject({
      ending: { kind: 'error', code: 'producer-lost' },
    })
    expect(await codeOf(jobs.start())).toBe('closed')
  })

  it('hears that the store refuses; what it had said is stored, with the reason, once there is room', async () => {
    const append = client.store.append.bind(client.store)
    let isFull = true
    client.store.append = (name: StreamName, request: AppendRequest): Promise<AppendResult> =>
      isFull ? Promise.reject(new Error('ENOSPC')) : append(name, request)
    const sink = await jobs.start({ id: '7' })
    const written = sink.write('said')
    expect(await whyAborted(sink.signal)).toBe('store')
    expect(await codeOf(sink.write('more'))).toBe('store')
    isFull = false
    await written
    expect([await read('7'), await endingOf('7')]).toEqual(['said', '{"kind":"error","code":"store"}'])
  })

  it('cannot be written to from outside', async () => {
    await jobs.start({ id: '7' })
    expect((await client.append('/v1/stream/jobs/7', 'x')).status).toBe(405)
  })
})

describe('a Web stream on the server', () => {
  it('is piped in whole, and closes the stream', async () => {
    const sink = await jobs.pipeFrom(streamOf('a', 'b', 'c'), { id: '7' })
    await expect
      .poll(() => client.store.info({ channel: 'jobs', run: '7' }))
      .toMatchObject({ ending: { kind: 'done' } })
    expect(await read(sink.id)).toBe('abc')
  })

  it('is cancelled when its stream is', async () => {
    let pulled = 0
    let cancelled: unknown
    const source = new ReadableStream<string>({
      pull: (controller) => {
        pulled += 1
        if (pulled === 1) controller.enqueue('first')
        return pulled === 1 ? undefined : new Promise<void>(() => undefined)
      },
      cancel: (reason) => void (cancelled = reason),
    })
    await jobs.pipeFrom(source, { id: '7' })
    await expect.poll(() => read('7')).toBe('first')
    await cancel('7')
    await expect.poll(() => cancelled).toMatchObject({ code: 'cancelled' })
  })

  it('fails its stream when it fails', async () => {
    const source = new ReadableStream<string>({ pull: (controller) => controller.error(new Error('gone')) })
    await jobs.pipeFrom(source, { id: '7' })
    await expect.poll(() => endingOf('7')).toBe('{"kind":"error","code":"upstream-error"}')
  })

  it('waits for the store: a source that is faster is not read ahead', async () => {
    const append = client.store.append.bind(client.store)
    let open: () => void = () => undefined
    const gate = new Promise<void>((resolve) => (open = resolve))
    client.store.append = async (name: StreamName, request: AppendRequest): Promise<AppendResult> => {
      await gate
      return append(name, request)
    }
    let pulled = 0
    const chunk = new Uint8Array(256 * 1024)
    const source = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => {
          pulled += 1
          if (pulled > 40) controller.close()
          else controller.enqueue(chunk)
        },
      },
      { highWaterMark: 0 },
    )
    await jobs.pipeFrom(source, { id: '7', contentType: 'application/octet-stream' })
    await expect.poll(() => pulled).toBeGreaterThan(3)
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(pulled).toBeLessThan(10)
    open()
    await expect.poll(() => endingOf('7')).toBe(null)
    await expect
      .poll(() => client.store.info({ channel: 'jobs', run: '7' }))
      .toMatchObject({ ending: { kind: 'done' }, tail: { byte: 40 * chunk.byteLength } })
  })

  it('comes from a Node stream, and goes to one, by the converters of Node', async () => {
    const sink = await jobs.start({ id: '7', contentType: 'application/octet-stream' })
    await pipeline(Readable.from([Buffer.from('from '), Buffer.from('Node')]), Writable.fromWeb(sink.writable))
    const inbound = await jobs.openInbound({ id: '7' })
    const out = new PassThrough()
    const copied = pipeline(Readable.fromWeb(inbound.readable as NodeReadableStream), out)
    const chunks = await out.toArray()
    await copied
    expect(Buffer.concat(chunks as Buffer[]).toString()).toBe('from Node')
    expect(inbound.ending).toEqual({ kind: 'done' })
  })
})

describe('an upload, read on the server', () => {
  const path = (id: string): string => `/v1/stream/jobs/${id}`
  const bytes = 'application/octet-stream'

  it('gives what the client appends, as it comes, up to its end', async () => {
    const upload = await jobs.openInbound({ contentType: 'text/plain' })
    const heard: string[] = []
    const reading = (async () => {
      for await (const text of upload) heard.push(text)
    })()
    await client.append(upload.url, 'one ')
    await expect.poll(() => heard).toEqual(['one '])
    await client.append(upload.url, 'two')
    await client.end(upload.url)
    await reading
    expect([heard, upload.ending]).toEqual([['one ', 'two'], { kind: 'done' }])
  })

  it('tears no character of a text, and parses the messages of a JSON stream', async () => {
    const text = await jobs.openInbound({ id: 'text', contentType: 'text/plain' })
    const wave = new TextEncoder().encode('\u{1f30a}')
    await client.append(path('text'), wave.slice(0, 2))
    await client.append(path('text'), wave.slice(2))
    await client.end(path('text'))
    expect(await all(text)).toEqual(['\u{1f30a}'])
    const json = await jobs.openInbound({ id: 'json', contentType: 'application/json' })
    await client.append(path('json'), '[{"a":1},{"b":2}]', 'application/json')
    await client.end(path('json'))
    expect(await all(json)).toEqual([{ a: 1 }, { b: 2 }])
  })

  it.each([
    [{ kind: 'error', code: 'broken' }, 'upstream-error'],
    [{ kind: 'error', code: 'producer-lost' }, 'producer-lost'],
    [{ kind: 'cancelled' }, 'cancelled'],
  ])('throws after the last chunk where it ended as %j', async (ending, code) => {
    const upload = await jobs.openInbound({ contentType: bytes })
    await client.append(upload.url, 'half', bytes)
    await client.end(upload.url, ending)
    const heard: Uint8Array[] = []
    const reading = (async () => {
      for await (const chunk of upload) heard.push(chunk)
    })()
    expect([await codeOf(reading), heard.length, upload.ending]).toEqual([code, 1, ending])
  })

  it('is ended by who reads it: the uploader is refused, and hears that it was cancelled', async () => {
    const upload = await jobs.openInbound()
    await client.append(upload.url, 'half', bytes)
    const heard: Uint8Array[] = []
    for await (const chunk of upload) {
      heard.push(chunk)
      await upload.cancel('enough')
    }
    const refused = await client.append(upload.url, 'more', bytes)
    expect([heard.length, refused.status, refused.headers.get('stream-ending')]).toEqual([
      1,
      409,
      '{"kind":"cancelled"}',
    ])
  })

  it('goes on when its reader only leaves', async () => {
    const upload = await jobs.openInbound()
    await client.append(upload.url, 'half', bytes)
    for await (const chunk of upload) if (chunk.length > 0) break
    expect((await client.append(upload.url, 'more', bytes)).status).toBe(204)
    expect(await client.figure('headwater_readers')).toBe(0)
  })

  it('aborts the signal of a producer in this process when its reader cancels', async () => {
    const sink = await jobs.start({ id: '7', contentType: bytes })
    const reader = await jobs.openInbound({ id: '7' })
    await reader.readable.cancel()
    expect(await whyAborted(sink.signal)).toBe('cancelled')
  })

  it('ends as lost when its uploader falls silent for longer than its lease', async () => {
    let time = Date.now()
    const slow = new Client({ now: () => time })
    const upload = await slow.handler.channel('jobs').openInbound({ leaseSeconds: 2 })
    const reading = all(upload)
    for (const seconds of [3, 3]) {
      time += seconds * 1000
      await slow.handler.endOrphans()
    }
    expect(await codeOf(reading)).toBe('producer-lost')
    await slow.handler.close()
  })

  it('is refused as something else than it is, and stops waiting when its server closes or it is deleted', async () => {
    const upload = await jobs.openInbound({ id: 'a' })
    expect(await codeOf(jobs.openInbound({ id: 'a', contentType: 'text/plain' }))).toBe('bad-id')
    const deleted = all(await jobs.openInbound({ id: 'b' }))
    await client.send('DELETE', path('b'))
    expect(await codeOf(deleted)).toBe('unknown-stream')
    const closed = all(upload)
    await client.handler.close()
    expect(await codeOf(closed)).toBe('closed')
    expect(await codeOf(jobs.openInbound())).toBe('closed')
  })
})

it('publishes events into the log of a channel’s events, each with its place', async () => {
  const sink = await jobs.start({ id: '7' })
  await sink.write('half')
  await jobs.publish('progress', { done: 1 })
  await jobs.publish('ping')
  const log = await (await client.get('/v1/stream/jobs?offset=-1')).json()
  expect(log).toMatchObject([
    { event: 'progress', data: { done: 1 }, place: { run: '7' } },
    { event: 'ping', data: null },
  ])
  expect(await codeOf(jobs.publish('', 1))).toBe('bad-message')
  expect(await codeOf(jobs.publish('large', 'x'.repeat(70_000)))).toBe('bad-message')
})

it('takes and gives what its content type says', async () => {
  const json = await jobs.start({ contentType: 'application/json' })
  expectTypeOf(json.write).parameter(0).toEqualTypeOf<unknown>()
  const text = await jobs.start()
  expectTypeOf(text.write).parameter(0).toEqualTypeOf<string | Uint8Array>()
  expectTypeOf(await jobs.openInbound()).toExtend<AsyncIterable<Uint8Array>>()
  expectTypeOf(await jobs.openInbound({ contentType: 'text/csv; charset=utf-8' })).toExtend<AsyncIterable<string>>()
  expectTypeOf(client.handler.channel).returns.toEqualTypeOf<ServerChannel>()
})
