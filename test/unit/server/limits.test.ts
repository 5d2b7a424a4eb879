import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { Client, codeOf } from './client.ts'
import { GatedModel } from './gated-model.ts'
import { SocketTestServer } from './socket-server.ts'
import { SseClient } from './sse-client.ts'

/** Status, code and message of a refusal. */
async function refusal(response: Response): Promise<unknown[]> {
  const { error } = (await response.json()) as { error: { code: string; message: string } }
  return [response.status, error.code, error.message]
}

function ask(client: Client): Promise<Response> {
  const message = { id: 'm', role: 'user', parts: [{ type: 'text', text: 'hi' }] }
  return client.send(
    'POST',
    '/v1/chat',
    { 'content-type': 'application/json' },
    JSON.stringify({ id: 'c', messages: [message] }),
  )
}

describe('what is too large', () => {
  const client = new Client({ maxAppendBytes: 1000, maxEventBytes: 100, maxStreamBytes: 1500, maxStreams: 0 })

  it('a body is refused with 413, and the limit', async () => {
    await client.create('/v1/stream/body/1')
    const answer = await client.append('/v1/stream/body/1', 'x'.repeat(1001))
    expect(await refusal(answer)).toEqual([413, 'too-large', expect.stringContaining('1000 bytes')])
  })

  it('a message of a JSON stream is refused with 413, its neighbours with it', async () => {
    await client.create('/v1/stream/event/1', 'application/json')
    const body = JSON.stringify(['fits', 'x'.repeat(100)])
    const answer = await client.append('/v1/stream/event/1', body, 'application/json')
    expect(await refusal(answer)).toEqual([413, 'event-too-large', expect.stringContaining('100 bytes')])
    expect(await (await client.get('/v1/stream/event/1')).text()).toBe('[]')
    const put = await client.send('PUT', '/v1/stream/event/2', { 'content-type': 'application/json' }, body)
    expect([put.status, await codeOf(put)]).toEqual([413, 'event-too-large'])
  })

  it('what a stream begins with is no more than it may hold', async () => {
    const small = new Client({ maxStreamBytes: 10 })
    const put = (body: string): Promise<Response> =>
      small.send('PUT', '/v1/stream/begins/1', { 'content-type': 'text/plain' }, body)
    expect(await refusal(await put('x'.repeat(11)))).toEqual([413, 'stream-full', expect.stringContaining('new run')])
    expect((await put('x'.repeat(10))).status).toBe(201)
  })

  it('a stream takes what fits, says 413 to more, and can be closed all the same', async () => {
    await client.create('/v1/stream/full/1')
    expect((await client.append('/v1/stream/full/1', 'x'.repeat(1000))).status).toBe(204)
    const answer = await client.append('/v1/stream/full/1', 'x'.repeat(501))
    expect(await refusal(answer)).toEqual([413, 'stream-full', expect.stringContaining('new run')])
    expect((await client.append('/v1/stream/full/1', 'x'.repeat(500))).status).toBe(204)
    expect((await client.end('/v1/stream/full/1')).status).toBe(204)
  })

  it('a repetition of the last append of a full stream is still known for one', async () => {
    const headers = { 'content-type': 'text/plain', 'producer-id': 'p', 'producer-epoch': '0', 'producer-seq': '0' }
    await client.create('/v1/stream/twice/1')
    const first = await client.send('POST', '/v1/stream/twice/1', headers, 'x'.repeat(1000))
    const again = await client.send('POST', '/v1/stream/twice/1', headers, 'x'.repeat(1000))
    expect([first.status, again.status]).toEqual([200, 204])
  })
})

describe('a stream that the server writes', () => {
  it('a model that says more than a stream may hold is stopped: what fits is kept, and the ending says why', async () => {
    const model = new GatedModel()
    const client = new Client({ maxStreamBytes: 1000, models: [model.offered] })
    const events = new SseClient(await ask(client))
    await model.called
    model.say('fits'.padEnd(750))
    await events.until(({ data }) => data.includes('fits'))
    model.say('x'.repeat(1000))
    const rest = (await events.rest()).map(({ data }) => data).join('\n')
    expect(rest).toContain('larger than a stream may be')
    expect(rest).toContain('too-large')
    expect(rest).not.toContain('xxx')
    expect(model.signal?.aborted).toBe(true)
    await client.handler.close()
  })

  it('a producer hears at its write, and the stream ends as an error with all that was stored', async () => {
    const client = new Client({ maxStreamBytes: 10 })
    const sink = await client.handler.channel('jobs').start({ id: '1' })
    await sink.write('12345')
    const unstored = sink.write('123456')
    const closed = sink.close()
    await expect(unstored).rejects.toMatchObject({ code: 'too-large', message: expect.stringContaining('10 bytes') })
    await expect(closed).rejects.toMatchObject({ code: 'too-large' })
    expect(sink.signal.aborted).toBe(true)
    expect(await (await client.get('/v1/stream/jobs/1?offset=-1')).text()).toBe('12345')
    const ending = (await client.send('HEAD', '/v1/stream/jobs/1')).headers.get('stream-ending')
    expect(JSON.parse(ending ?? '')).toEqual({ kind: 'error', code: 'too-large' })
  })
})

it('of what a producer writes at once, all is kept that fits', async () => {
  const client = new Client({ maxStreamBytes: 10 })
  const sink = await client.handler.channel('jobs').start({ id: '1' })
  const writes = ['1', '2', '123456789', '3'].map((text) => sink.write(text))
  const settled = (await Promise.allSettled(writes)).map(({ status }) => status)
  await sink.close().catch(() => undefined)
  expect([settled, await (await client.get('/v1/stream/jobs/1?offset=-1')).text()]).toEqual([
    ['fulfilled', 'fulfilled', 'rejected', 'rejected'],
    '12',
  ])
})

describe('events', () => {
  it('are refused once their log is full, until it is deleted', async () => {
    const server = await SocketTestServer.start({ maxStreamBytes: 300 })
    const client = await server.client()
    const publish = { type: 'publish', channel: 'a b', event: 'e', data: 'x'.repeat(150) } as const
    await client.do(publish)
    const { code, message } = await client.refusal(publish)
    expect([code, message]).toEqual(['stream-full', expect.stringContaining('DELETE /v1/stream/a%20b')])
    await expect(server.handler.channel('a b').publish('e', 'x'.repeat(150))).rejects.toMatchObject({
      code: 'too-large',
    })
    expect((await fetch(`${server.url}/v1/stream/a%20b`, { method: 'DELETE' })).status).toBe(204)
    await client.do(publish)
    await server.close()
  })

  it('are refused where their log would be one stream too many; in a log that is there they go on', async () => {
    const server = await SocketTestServer.start({ maxStreams: 1 })
    const client = await server.client()
    await client.do({ type: 'publish', channel: 'a', event: 'e' })
    await client.do({ type: 'publish', channel: 'a', event: 'e' })
    expect((await client.refusal({ type: 'publish', channel: 'b', event: 'e' })).code).toBe('too-many-streams')
    const channel = server.handler.channel('b')
    await expect(channel.publish('e')).rejects.toMatchObject({ code: 'busy' })
    await expect(channel.start()).rejects.toMatchObject({ code: 'busy' })
    await expect(channel.openInbound()).rejects.toMatchObject({ code: 'busy' })
    await server.close()
  })
})

describe('a body that is packed', () => {
  it.each(['gzip', 'br', 'deflate', 'GZIP', 'gzip, gzip'])(
    'as %s is refused with 415, not unpacked',
    async (encoding) => {
      const client = new Client()
      await client.create('/v1/stream/bomb/1')
      // A megabyte of zeros in a kilobyte: what a bomb does a thousand times over.
      const bomb = new Uint8Array(gzipSync(new Uint8Array(1024 * 1024)))
      const headers = { 'content-type': 'text/plain', 'content-encoding': encoding }
      for (const [method, path] of [
        ['POST', '/v1/stream/bomb/1'],
        ['PUT', '/v1/stream/bomb/2'],
        ['POST', '/v1/chat'],
      ] as const) {
        // prettier-ignore
        const answer = await client.send(method, path, headers, bomb)
        expect(answer.headers.get('accept-encoding')).toBe('identity')
        expect(await refusal(answer)).toEqual([415, 'encoded', expect.stringContaining('without Content-Encoding')])
      }
      expect(await (await client.get('/v1/stream/bomb/1')).text()).toBe('')
    },
  )
})

describe('too many streams', () => {
  it('are answered with 507, what is there goes on, and a deleted one makes room', async () => {
    const client = new Client({ maxStreams: 100 })
    const statuses = new Map<number, number>()
    for (let n = 0; n < 10_000; n++) {
      const { status } = await client.create(`/v1/stream/many/${n}`)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
    expect([...statuses]).toEqual([
      [201, 100],
      [507, 9_900],
    ])
    expect(await client.store.count()).toBe(100)
    const answer = await client.create('/v1/stream/other/1')
    expect(await refusal(answer)).toEqual([507, 'too-many-streams', expect.stringContaining('Delete some')])
    expect((await client.append('/v1/stream/many/7', 'x')).status).toBe(204)
    expect((await client.create('/v1/stream/many/8')).status).toBe(200)
    await client.send('DELETE', '/v1/stream/many/9')
    expect((await client.create('/v1/stream/other/1')).status).toBe(201)
  }, 30_000)

  it('are answered so in a chat too', async () => {
    const client = new Client({ maxStreams: 1, models: [new GatedModel().offered] })
    await client.create('/v1/stream/a/1')
    const answer = await ask(client)
    expect(await refusal(answer)).toEqual([507, 'too-many-streams', expect.stringContaining('Delete some')])
  })
})

it('a name with everything that a path could mean is a name, and nothing else', async () => {
  const client = new Client()
  for (const name of ['..', '../../etc/passwd', 'a/b', '%2e%2e', '%', 'a.b', '...', 'C:\\x', '~']) {
    const path = `/v1/stream/${encodeURIComponent(name).replace(/\./g, '%2E')}/1`
    const created = await client.create(path)
    if (created.status !== 201) {
      // Dots alone are resolved by whoever reads the address; what is left is no stream's.
      expect([400, 404]).toContain(created.status)
      continue
    }
    await client.append(path, name)
    expect(await (await client.get(path)).text()).toBe(name)
  }
})

it('an offset of another stream, and an epoch that goes back, are refused with words', async () => {
  const client = new Client()
  for (const [run, text] of [
    ['1', 'one'],
    ['2', 'longer'],
  ] as const) {
    // prettier-ignore
    await client.create(`/v1/stream/o/${run}`)
    await client.append(`/v1/stream/o/${run}`, text)
  }
  const offset = (await client.get('/v1/stream/o/2')).headers.get('stream-next-offset') ?? ''
  const foreign = await client.get(`/v1/stream/o/1?offset=${offset}`)
  expect(await refusal(foreign)).toEqual([410, 'offset-gone', expect.stringContaining('Read from the start')])

  const as = (epoch: number) => ({ 'content-type': 'text/plain', 'producer-id': 'p', 'producer-epoch': String(epoch), 'producer-seq': '0' }) // prettier-ignore
  expect((await client.send('POST', '/v1/stream/o/1', as(5), 'x')).status).toBe(200)
  const back = await client.send('POST', '/v1/stream/o/1', as(4), 'x')
  expect(back.headers.get('producer-epoch')).toBe('5')
  expect(await refusal(back)).toEqual([403, 'stale-epoch', expect.any(String)])
})
