import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Client, codeOf } from './client.ts'
import { SseClient } from './sse-client.ts'

const PATH = '/v1/stream/build/7'

let client: Client
beforeEach(() => {
  client = new Client({ longPollMs: 5000, maxAppendBytes: 1000 })
})
afterEach(() => client.handler.close())

const control = (data: string): Record<string, unknown> => JSON.parse(data) as Record<string, unknown>

describe('an ending on the wire', () => {
  const failed = { kind: 'error', code: 'exit-status', exitCode: 2 }

  it('comes back with every answer at the end of the stream', async () => {
    await client.create(PATH)
    await client.append(PATH, 'text')
    const closed = await client.end(PATH, failed)
    expect(closed.headers.get('stream-ending')).toBe(JSON.stringify(failed))
    const head = await client.send('HEAD', PATH)
    const read = await client.get(PATH)
    const poll = await client.get(`${PATH}?offset=now&live=long-poll`)
    const late = await client.append(PATH, 'more')
    expect([read.status, poll.status, late.status]).toEqual([200, 204, 409])
    for (const { headers } of [head, read, poll, late]) {
      expect([headers.get('stream-closed'), headers.get('stream-ending')]).toEqual(['true', JSON.stringify(failed)])
    }
    const events = await new SseClient(await client.get(`${PATH}?offset=-1&live=sse`)).rest()
    expect(events.at(-1)?.event).toBe('control')
    expect(control(events.at(-1)?.data ?? '')).toMatchObject({ streamClosed: true, streamEnding: failed })
  })

  it('is absent where the stream is done, and is never changed by a later one', async () => {
    await client.create(PATH)
    await client.end(PATH)
    await client.end(PATH, failed)
    const read = await client.get(PATH)
    expect([read.headers.get('stream-closed'), read.headers.get('stream-ending')]).toEqual(['true', null])
  })

  it('keeps the exit status of a command that went well', async () => {
    await client.create(PATH)
    await client.end(PATH, { kind: 'done', exitCode: 0 })
    expect((await client.get(PATH)).headers.get('stream-ending')).toBe('{"kind":"done","exitCode":0}')
  })

  it.each<[Record<string, string>, string]>([
    [{ 'stream-ending': '{"kind":"done"}' }, 'without Stream-Closed'],
    [{ 'stream-closed': 'true', 'stream-ending': 'done' }, 'that is not JSON'],
    [{ 'stream-closed': 'true', 'stream-ending': '{"kind":"lost"}' }, 'of an unknown kind'],
  ])('is refused %s', async (headers) => {
    await client.create(PATH)
    const response = await client.send('POST', PATH, headers)
    expect([response.status, await codeOf(response)]).toEqual([400, 'bad-header'])
  })
})

describe('a live read', () => {
  it('wakes with the append, by long-poll and by SSE', async () => {
    await client.create(PATH)
    const poll = client.get(`${PATH}?offset=-1&live=long-poll`)
    const sse = new SseClient(await client.get(`${PATH}?offset=-1&live=sse`))
    expect(control((await sse.next())?.data ?? '')).toMatchObject({ upToDate: true })
    await client.append(PATH, 'news')
    expect(await (await poll).text()).toBe('news')
    expect((await sse.next())?.data).toBe('news')
    await sse.close()
  })

  it('goes on after Last-Event-ID, which each event carries, and ends an EventSource that has everything', async () => {
    await client.create(PATH)
    await client.append(PATH, 'one')
    const first = new SseClient(await client.get(`${PATH}?offset=-1&live=sse`))
    const [data, marker] = [await first.next(), await first.next()]
    await first.close()
    expect(marker?.id).toBe(control(marker?.data ?? '')['streamNextOffset'])
    expect(data?.id).toBe(marker?.id)
    await client.append(PATH, 'two')
    const second = new SseClient(await client.get(`${PATH}?offset=-1&live=sse`, { 'last-event-id': marker?.id ?? '' }))
    expect((await second.next())?.data).toBe('two')
    await client.end(PATH)
    const rest = await second.rest()
    const last = { 'last-event-id': rest.at(-1)?.id ?? '' }
    const over = await client.get(`${PATH}?offset=-1&live=sse`, last)
    expect([over.status, over.headers.get('stream-closed')]).toEqual([204, 'true'])
    // Who has not everything gets the rest and the end; who asks by offset gets the end, as Durable Streams has it.
    const all = new SseClient(await client.get(`${PATH}?offset=-1&live=sse`, { 'last-event-id': marker?.id ?? '' }))
    expect((await all.rest()).map(({ event }) => event)).toEqual(['data', 'control'])
    expect((await client.get(`${PATH}?offset=${last['last-event-id']}&live=sse`)).status).toBe(200)
  })

  it('never splits a character that two appends share, and keeps offsets right', async () => {
    await client.create(PATH)
    const [bytes] = [new TextEncoder().encode('a€b')]
    const sse = new SseClient(await client.get(`${PATH}?offset=-1&live=sse`))
    await sse.next()
    await client.append(PATH, bytes.slice(0, 2))
    await client.append(PATH, bytes.slice(2, 3))
    await client.append(PATH, bytes.slice(3))
    const data = await sse.next()
    expect([data?.event, data?.data]).toEqual(['data', 'a€b'])
    const head = await client.send('HEAD', PATH)
    expect((await sse.next())?.id).toBe(head.headers.get('stream-next-offset'))
    await sse.close()
  })

  it('keeps a line that begins with a space', async () => {
    await client.create(PATH)
    await client.append(PATH, '  indented\n \n x')
    const sse = new SseClient(await client.get(`${PATH}?offset=-1&live=sse`))
    expect((await sse.next())?.data).toBe('  indented\n \n x')
    await sse.close()
  })

  it('is counted while it lasts, and no longer', async () => {
    await client.create('/v1/stream/a%22b/7')
    const figure = 'headwater_stream_readers{stream="a\\"b/7"}'
    const path = '/v1/stream/a%22b/7?offset=-1&live='
    const sse = new SseClient(await client.get(`${path}sse`))
    const gone = new AbortController()
    const poll = client.handler.fetch(new Request(`http://127.0.0.1${path}long-poll`, { signal: gone.signal }))
    await expect.poll(() => client.figure(figure)).toBe(2)
    gone.abort()
    await poll.catch(() => {})
    expect(await client.figure(figure)).toBe(1)
    await sse.close()
    await expect.poll(() => client.figure(figure)).toBe(null)
    expect(await client.figure('headwater_readers')).toBe(0)
    expect(await client.figure('headwater_reads_total')).toBe(2)
  })

  it('sends a comment when nothing happens, and ends after its life', async () => {
    let time = 0
    const quick = new Client({ heartbeatMs: 1, sseLifeMs: 30, now: () => time })
    await quick.create(PATH)
    const reader = (await quick.get(`${PATH}?offset=-1&live=sse`)).body?.getReader()
    let text = ''
    for (let part = await reader?.read(); part?.done === false; part = await reader?.read()) {
      text += new TextDecoder().decode(part.value)
      if (text.includes(': \n\n')) time = 30
    }
    expect(text).toContain('upToDate')
    expect(text).toContain(': \n\n')
    expect(text).not.toContain('streamClosed')
    await quick.handler.close()
  })

  it('ends when the stream is deleted, and when the server closes', async () => {
    await client.create(PATH)
    const first = new SseClient(await client.get(`${PATH}?offset=-1&live=sse`))
    await first.next()
    await client.send('DELETE', PATH)
    expect(await first.next()).toBe(null)
    await client.create(PATH)
    const second = new SseClient(await client.get(`${PATH}?offset=-1&live=sse`))
    await second.next()
    const poll = client.get(`${PATH}?offset=now&live=long-poll`)
    await expect.poll(() => client.figure('headwater_readers')).toBe(2)
    await client.handler.close()
    expect(await second.next()).toBe(null)
    expect((await poll).status).toBe(204)
  })
})

describe('a request that is refused', () => {
  it.each([
    ['PUT', '/v1/stream/', 400, 'bad-name'],
    ['PUT', '/v1/stream/a//b', 400, 'bad-name'],
    ['PUT', '/v1/stream/a/%0A', 400, 'bad-id'],
    ['PUT', '/v1/stream/a%00b/run', 400, 'bad-name'],
    ['PUT', '/v1/stream/a/%E0%A4', 400, 'bad-name'],
    ['PUT', `/v1/stream/a/${'x'.repeat(257)}`, 400, 'bad-id'],
    ['PUT', `/v1/stream/${'x'.repeat(257)}/run`, 400, 'bad-name'],
    ['GET', PATH, 404, 'unknown-stream'],
    ['GET', '/v1/nothing', 404, 'not-found'],
    ['PATCH', PATH, 405, 'bad-method'],
  ])('%s %s is answered with %i and a code', async (method, path, status, code) => {
    const response = await client.send(method, path)
    expect([response.status, await codeOf(response)]).toEqual([status, code])
    expect(await client.store.channels()).toEqual([])
  })

  it('says 413 for a body over the limit, told or not, and keeps nothing of it', async () => {
    await client.create(PATH)
    expect((await client.append(PATH, 'x'.repeat(1001))).status).toBe(413)
    let sent = 0
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => (sent++ < 20 ? controller.enqueue(new Uint8Array(100)) : controller.close()),
    })
    const request = new Request(`http://127.0.0.1${PATH}`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body,
      duplex: 'half',
    } as RequestInit)
    const response = await client.handler.fetch(request)
    expect([response.status, await codeOf(response)]).toEqual([413, 'too-large'])
    expect(await (await client.get(PATH)).text()).toBe('')
    expect((await client.append(PATH, 'x'.repeat(1000))).status).toBe(204)
  })

  it('never names a file: dots are names like any other', async () => {
    expect((await client.create('/v1/stream/..%2F..%2Fetc/passwd')).status).toBe(201)
    expect((await client.store.channels())[0]?.channel).toBe('../../etc')
  })
})

it('knows a stream by its decoded name, however the address was written', async () => {
  const created = await client.create('/v1/stream/a/b/run%201')
  expect(created.headers.get('location')).toBe('http://127.0.0.1/v1/stream/a%2Fb/run%201')
  expect((await client.get('/v1/stream/a%2Fb/run%201')).status).toBe(200)
})

it('keeps the text of JSON messages as it was written', async () => {
  await client.create(PATH, 'application/json')
  await client.append(PATH, ' [ 12345678901234567890 , {"a": "],[\\"" } ,[1.0]]', 'application/json')
  await client.append(PATH, '{"b":2}', 'application/json')
  expect(await (await client.get(PATH)).text()).toBe('[12345678901234567890,{"a": "],[\\"" },[1.0],{"b":2}]')
})

it('fault 24: lets no shared cache keep what a stream holds', async () => {
  await client.create(PATH, 'text/plain')
  await client.append(PATH, 'secret', 'text/plain')
  for (const query of ['', '?offset=-1', '?offset=now', '?offset=-1&live=sse']) {
    const answer = await client.get(PATH + query)
    expect(answer.headers.get('cache-control'), query).toMatch(/no-store|private/)
    await answer.body?.cancel()
  }
})

describe('authorize', () => {
  it('fault 13: decides every action apart, with no or an exception meaning no', async () => {
    const asked: string[] = []
    const guarded = new Client({
      authorize: (_, { action, stream }) => {
        asked.push(`${action} ${stream}`)
        if (action === 'append') throw new Error('no')
        return action !== 'delete'
      },
    })
    await guarded.create('/v1/stream/a%20b/7')
    const answers = [
      await guarded.append('/v1/stream/a%20b/7', 'x'),
      await guarded.send('DELETE', '/v1/stream/a%20b/7'),
      await guarded.get('/v1/stream/a%20b/7'),
      await guarded.get('/v1/channels'),
      await guarded.send('POST', '/v1/channels/a%20b/cancel'),
    ]
    expect(answers.map((answer) => answer.status)).toEqual([403, 403, 200, 200, 200])
    expect(asked).toEqual([
      'create a%20b/7',
      'append a%20b/7',
      'delete a%20b/7',
      'read a%20b/7',
      'read ',
      'cancel a%20b',
    ])
    await guarded.handler.close()
  })
})
