import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GatedModel } from './gated-model.ts'
import type { SocketClient } from './socket-client.ts'
import { SocketTestServer } from './socket-server.ts'

let server: SocketTestServer
let client: SocketClient

beforeEach(async () => {
  server = await SocketTestServer.start()
  client = await server.client()
})
afterEach(async () => {
  await server.close()
})

describe('a subscription to a stream', () => {
  it('gets what is there, what comes, and the ending, and is over then', async () => {
    await server.create('/v1/stream/build/7')
    await server.append('/v1/stream/build/7', 'one')
    const { opened } = await client.do({ type: 'subscribe', sub: 1, stream: '/v1/stream/build/7', offset: '-1' })
    expect(opened).toMatchObject({ channel: 'build', run: '7', contentType: 'text/plain' })
    await client.until(() => client.text(1) === 'one')
    expect(client.lastHeader(1)?.upToDate).toBe(true)
    await server.append('/v1/stream/build/7', 'two')
    await client.until(() => client.text(1) === 'onetwo')
    await server.end('/v1/stream/build/7', { kind: 'error', code: 'x', exitCode: 2 })
    await client.until(() => client.hasEnded(1))
    expect(client.lastHeader(1)?.ending).toEqual({ kind: 'error', code: 'x', exitCode: 2 })
    expect((await client.refusal({ type: 'unsubscribe', sub: 1 })).code).toBe('unknown-sub')
  })

  it('begins after any offset that HTTP gave, and HTTP after any that it gave', async () => {
    await server.create('/v1/stream/a/1')
    await server.append('/v1/stream/a/1', 'one')
    const head = await fetch(`${server.url}/v1/stream/a/1`, { method: 'HEAD' })
    await server.append('/v1/stream/a/1', 'two')
    const offset = head.headers.get('stream-next-offset') ?? ''
    await client.do({ type: 'subscribe', sub: 1, stream: '/v1/stream/a/1', offset })
    await client.until(() => client.text(1) === 'two')
    await server.append('/v1/stream/a/1', 'three')
    await client.until(() => client.text(1) === 'twothree')
    const first = client.of(1).find((each) => each.type === 'data')
    const next = first?.type === 'data' ? first.header.next : ''
    expect(await (await fetch(`${server.url}/v1/stream/a/1?offset=${next}`)).text()).toBe('three')
  })

  it('begins at the tail with now, and says at once that it is there', async () => {
    await server.create('/v1/stream/a/1', 'application/json')
    await server.append('/v1/stream/a/1', '[1,2]', 'application/json')
    const { opened } = await client.do({ type: 'subscribe', sub: 1, stream: '/v1/stream/a/1', offset: 'now' })
    await client.until(() => client.of(1).length === 1)
    expect(client.lastHeader(1)).toEqual({ sub: 1, next: opened?.offset, upToDate: true })
    await server.append('/v1/stream/a/1', '[12345678901234567890, "x"]', 'application/json')
    await client.until(() => client.of(1).length === 2)
    expect(client.text(1)).toBe('[][12345678901234567890,"x"]')
  })

  it('gets what came since, at a place where others were at the tail before', async () => {
    await server.create('/v1/stream/a/1')
    await server.append('/v1/stream/a/1', 'one')
    const first = await client.do({ type: 'subscribe', sub: 1, stream: '/v1/stream/a/1', offset: 'now' })
    await client.until(() => client.of(1).length === 1)
    await server.append('/v1/stream/a/1', 'two')
    await client.until(() => client.text(1) === 'two')
    await server.append('/v1/stream/a/1', 'three')
    await client.until(() => client.text(1) === 'twothree')
    const offset = first.opened?.offset ?? ''
    await client.do({ type: 'subscribe', sub: 2, stream: '/v1/stream/a/1', offset })
    await client.until(() => client.text(2) === 'twothree')
    expect(client.of(2).map((each) => each.type === 'data' && each.header.upToDate)).toEqual([true])
  })

  it('carries bytes as they are, also a character that is torn', async () => {
    await server.create('/v1/stream/a/1')
    const bytes = new TextEncoder().encode('a€b')
    await client.do({ type: 'subscribe', sub: 1, stream: '/v1/stream/a/1', offset: '-1' })
    for (const byte of bytes) await server.append('/v1/stream/a/1', new Uint8Array([byte]))
    await client.until(() => client.bytes(1).length === bytes.length)
    expect(client.text(1)).toBe('a€b')
  })

  it('is refused with the codes of HTTP', async () => {
    await server.create('/v1/stream/a/1')
    const code = async (stream: string, offset = '-1'): Promise<unknown> => {
      const { code, status } = await client.refusal({ type: 'subscribe', sub: 1, stream, offset })
      return [code, status]
    }
    expect(await code('/v1/stream/a/2')).toEqual(['unknown-stream', 404])
    expect(await code('/v1/stream/a/1', 'nonsense')).toEqual(['bad-offset', 400])
    expect(await code('/v1/stream/a/1', `${'0'.repeat(15)}9_${'0'.repeat(16)}`)).toEqual(['offset-gone', 410])
    expect(await code('/v1/stream/a//1')).toEqual(['bad-name', 400])
    expect(await code('/v1/stream/%ff/1')).toEqual(['bad-name', 400])
    expect(await code('//evil.example/v1/stream/a/1')).toEqual(['bad-name', 400])
    expect(await code('/v1/chat/a/stream')).toEqual(['not-found', 404])
    expect(await code('/v1/chat/a/stream?run=1')).toEqual(['unknown-stream', 404])
    expect(await code('/healthz')).toEqual(['not-found', 404])
  })

  it('is dropped when the stream is deleted, also for one of the same name', async () => {
    await server.create('/v1/stream/a/1')
    await client.do({ type: 'subscribe', sub: 1, stream: '/v1/stream/a/1', offset: '-1' })
    await client.until(() => client.of(1).length === 1)
    await server.store.remove({ channel: 'a', run: '1' })
    await client.until(() => client.of(1).at(-1)?.type === 'dropped')
    await server.create('/v1/stream/a/1')
    await client.do({ type: 'subscribe', sub: 1, stream: '/v1/stream/a/1', offset: '-1' })
    await server.store.remove({ channel: 'a', run: '1' })
    await server.store.create({ channel: 'a', run: '1' }, { contentType: 'text/plain', records: [Buffer.from('new')] })
    await client.until(() => client.of(1).filter(({ type }) => type === 'dropped').length === 2)
    expect(client.text(1)).toBe('')
  })

  it('is not heard of again after it was ended, and its name is free', async () => {
    await server.create('/v1/stream/a/1')
    await client.do({ type: 'subscribe', sub: 1, stream: '/v1/stream/a/1', offset: '-1' })
    const again = await client.refusal({ type: 'subscribe', sub: 1, stream: '/v1/stream/a/1', offset: '-1' })
    expect([again.code, again.status]).toEqual(['sub-taken', 409])
    await client.do({ type: 'unsubscribe', sub: 1 })
    const before = client.of(1).length
    await server.append('/v1/stream/a/1', 'one')
    await client.do({ type: 'ping' })
    expect(client.of(1).length).toBe(before)
    await client.do({ type: 'subscribe', sub: 1, stream: '/v1/stream/a/1', offset: '-1' })
    await client.until(() => client.text(1) === 'one')
  })

  it('is one of fifty that share a socket, each counted as a reader', async () => {
    const paths = Array.from({ length: 50 }, (_, i) => `/v1/stream/c${i}/1`)
    for (const path of paths) await server.create(path)
    await Promise.all(paths.map((stream, sub) => client.do({ type: 'subscribe', sub, stream, offset: '-1' })))
    const figures = await server.figures()
    expect(figures).toContain('headwater_sockets 1\n')
    expect(figures).toContain('headwater_readers 50\n')
    expect(figures).toContain('headwater_stream_readers{stream="c7/1"} 1\n')
    for (let round = 0; round < 5; round++) {
      await Promise.all(paths.map((path, i) => server.append(path, `${i}.${round};`)))
    }
    const whole = (i: number): string => Array.from({ length: 5 }, (_, round) => `${i}.${round};`).join('')
    for (const i of paths.keys()) await client.until(() => client.text(i) === whole(i))
    await client.close()
    await expect.poll(() => server.figures()).toMatch(/headwater_readers 0\n[^]*headwater_sockets 0\n/)
  })
})

describe('a subscription to a channel', () => {
  it('waits for the first run, and goes on with every later one', async () => {
    const { opened } = await client.do({ type: 'subscribe', sub: 1, channel: 'build', offset: '-1' })
    expect(opened).toBeNull()
    await server.create('/v1/stream/build/1')
    await server.append('/v1/stream/build/1', 'one')
    await client.until(() => client.text(1) === 'one')
    await server.end('/v1/stream/build/1')
    await client.until(() => client.hasEnded(1))
    await server.create('/v1/stream/build/2', 'application/json')
    await server.append('/v1/stream/build/2', '["two"]', 'application/json')
    await client.until(() => client.text(1).endsWith('["two"]'))
    expect(client.opened(1).map(({ run, contentType }) => [run, contentType])).toEqual([
      ['1', 'text/plain'],
      ['2', 'application/json'],
    ])
  })

  it('leaves a run that has not ended for a younger one, when it has sent what was there', async () => {
    await server.create('/v1/stream/build/1')
    await server.append('/v1/stream/build/1', 'one')
    await client.do({ type: 'subscribe', sub: 1, channel: 'build', offset: '-1' })
    await client.until(() => client.text(1) === 'one')
    await server.create('/v1/stream/build/2')
    await server.append('/v1/stream/build/2', 'two')
    await client.until(() => client.text(1) === 'onetwo')
  })

  it('misses no run when it comes back with run and offset', async () => {
    await server.create('/v1/stream/build/1')
    await server.append('/v1/stream/build/1', 'one,')
    await client.do({ type: 'subscribe', sub: 1, channel: 'build', offset: '-1' })
    await client.until(() => client.text(1) === 'one,')
    const at = client.lastHeader(1)?.next ?? ''
    await client.close()
    await server.append('/v1/stream/build/1', 'more,')
    await server.end('/v1/stream/build/1')
    for (const run of ['2', '3']) {
      await server.create(`/v1/stream/build/${run}`)
      await server.append(`/v1/stream/build/${run}`, `${run},`)
      await server.end(`/v1/stream/build/${run}`)
    }
    const next = await server.client()
    await next.do({ type: 'subscribe', sub: 1, channel: 'build', run: '1', offset: at })
    await next.until(() => next.text(1) === 'more,2,3,')
    expect(next.opened(1).map(({ run }) => run)).toEqual(['2', '3'])
    const unknown = await next.refusal({ type: 'subscribe', sub: 2, channel: 'build', run: '9', offset: '-1' })
    expect(unknown.code).toBe('unknown-stream')
  })

  it('begins with the newest run where none is named', async () => {
    for (const run of ['1', '2']) await server.create(`/v1/stream/build/${run}`)
    const { opened } = await client.do({ type: 'subscribe', sub: 1, channel: 'build', offset: 'now' })
    expect(opened?.run).toBe('2')
  })

  it('survives the deletion of its run', async () => {
    await server.create('/v1/stream/build/1')
    await client.do({ type: 'subscribe', sub: 1, channel: 'build', offset: '-1' })
    await client.until(() => client.of(1).length === 1)
    await server.store.remove({ channel: 'build', run: '1' })
    await server.create('/v1/stream/build/2')
    await server.append('/v1/stream/build/2', 'two')
    await client.until(() => client.text(1) === 'two')
  })
})

describe('a chat', () => {
  it('comes by the address that the server gave, as messages, with its ending', async () => {
    await server.close()
    const model = new GatedModel()
    server = await SocketTestServer.start({ models: [model.offered] })
    client = await server.client()
    const body = JSON.stringify({ id: 'c', messages: [{ role: 'user', parts: [{ type: 'text', text: 'hi' }] }] })
    const posted = await fetch(`${server.url}/v1/chat`, { method: 'POST', body })
    expect(posted.headers.get('stream-socket')).toBe('/v1/ws')
    const stream = posted.headers.get('location') ?? ''
    await posted.body?.cancel()
    await client.do({ type: 'subscribe', sub: 1, stream, offset: '-1' })
    await model.called
    await client.do({ type: 'cancel', channel: 'c' })
    await client.until(() => client.hasEnded(1))
    expect(client.lastHeader(1)?.ending).toEqual({ kind: 'cancelled' })
    expect(client.messages(1)).toContainEqual(expect.objectContaining({ type: 'abort' }))
  })
})

describe('what is asked', () => {
  it('lists a channel’s runs as HTTP does', async () => {
    for (const run of ['1', '2']) await server.create(`/v1/stream/build/${run}`)
    const { channel, runs } = await client.do({ type: 'history', channel: 'build' })
    expect({ channel, runs }).toEqual(await (await fetch(`${server.url}/v1/channels/build`)).json())
    expect((await client.refusal({ type: 'history', channel: 'none' })).code).toBe('unknown-channel')
    const first = await client.do({ type: 'history', channel: 'build', limit: 1 })
    expect([first.runs?.map(({ run }) => run), first.older]).toEqual([['2'], 1])
    const second = await client.do({ type: 'history', channel: 'build', limit: 1, before: first.next ?? '' })
    expect([second.runs?.map(({ run }) => run), second.older]).toEqual([['1'], undefined])
    expect((await client.refusal({ type: 'history', channel: 'build', limit: 1_001 })).code).toBe('bad-page')
  })

  it('cancels a run as HTTP does, and only the one that is named', async () => {
    for (const run of ['1', '2']) await server.create(`/v1/stream/build/${run}`)
    expect((await client.refusal({ type: 'cancel', channel: 'build', run: '3' })).code).toBe('unknown-run')
    const answer = await client.do({ type: 'cancel', channel: 'build', run: '1' })
    expect(answer).toMatchObject({ run: { run: '1', status: 'cancelled' } })
    expect(await client.do({ type: 'cancel', channel: 'build' })).toMatchObject({ run: { run: '2' } })
    expect(await client.refusal({ type: 'cancel', channel: 'build' })).toMatchObject({ code: 'not-live', status: 409 })
  })
})

describe('the offer', () => {
  it('is on answers for streams, channels and chats, refusals too, and nowhere else', async () => {
    await server.create('/v1/stream/a/1')
    const offered = async (path: string): Promise<string | null> => {
      const response = await fetch(server.url + path)
      await response.body?.cancel()
      return response.headers.get('stream-socket')
    }
    const paths = ['/v1/stream/a/1', '/v1/stream/a/1?offset=-1&live=sse', '/v1/stream/a/9', '/v1/channels']
    for (const path of [...paths, '/v1/channels/a', '/v1/chat/c/stream']) expect(await offered(path)).toBe('/v1/ws')
    for (const path of ['/healthz', '/metrics', '/v1/models']) expect(await offered(path)).toBeNull()
  })

  it('is not made by a handler whose host cannot upgrade', async () => {
    const { createStreamHandler } = await import('../../../src/server/handler.ts')
    const handler = createStreamHandler({ store: server.store })
    const answer = await handler.fetch(new Request('http://127.0.0.1/v1/channels'))
    expect(answer.headers.get('stream-socket')).toBeNull()
    expect((await handler.fetch(new Request('http://127.0.0.1/v1/ws'))).status).toBe(404)
    expect(handler.checkSocket(new Request('http://127.0.0.1/v1/ws'))?.status).toBe(404)
    await handler.close()
  })

  it('answers a plain GET with how to ask', async () => {
    const response = await fetch(`${server.url}/v1/ws`)
    expect([response.status, response.headers.get('upgrade')]).toEqual([426, 'websocket'])
  })
})
