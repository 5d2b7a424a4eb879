import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import fc from 'fast-check'
import WebSocket from 'ws'
import { afterEach, describe, expect, it, onTestFailed } from 'vitest'
import type { Action } from '../../../src/server/server-context.ts'
import { AccessToken } from '../../../src/server/door/access-token.ts'
import { parseFrame } from '../../../src/server/socket/parse-frame.ts'
import { SocketTestServer } from './socket-server.ts'

const servers: SocketTestServer[] = []

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

async function start(...options: Parameters<typeof SocketTestServer.start>): Promise<SocketTestServer> {
  const server = await SocketTestServer.start(...options)
  servers.push(server)
  return server
}

const UPGRADE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'sec-websocket-protocol': 'headwater.1',
}

/** What the server says first to a request that is written by hand, as no client library would. */
async function raw(
  server: SocketTestServer,
  headers: Record<string, string | null>,
  line = 'GET /v1/ws HTTP/1.1',
): Promise<string> {
  const all: Record<string, string | null> = { host: `127.0.0.1:${server.port}`, ...UPGRADE, ...headers }
  const lines = Object.entries(all).flatMap(([name, value]) => (value === null ? [] : [`${name}: ${value}`]))
  const wire = connect(server.port, '127.0.0.1')
  wire.write([line, ...lines, '', ''].join('\r\n'))
  let answer = ''
  while (!answer.includes('\r\n\r\n')) {
    const [chunk] = (await Promise.race([once(wire, 'data'), once(wire, 'end').then(() => [null])])) as [Buffer | null]
    if (chunk === null) break
    answer += chunk.toString('latin1')
  }
  wire.destroy()
  return answer
}

const statusOf = (answer: string): number => Number(answer.split(' ')[1])

describe('an upgrade', () => {
  it('is made for the server’s own pages and for programs', async () => {
    const server = await start()
    expect(statusOf(await raw(server, {}))).toBe(101)
    expect(await raw(server, {})).toContain('Sec-WebSocket-Protocol: headwater.1')
    const own = { origin: `http://127.0.0.1:${server.port}`, 'sec-fetch-site': 'same-origin' }
    expect(statusOf(await raw(server, own))).toBe(101)
  })

  it.each([
    ['a page of another origin', { origin: 'http://evil.example' }, 'bad-origin'],
    ['a page of another port', { origin: 'http://127.0.0.1:1' }, 'bad-origin'],
    ['a sandboxed page', { origin: 'null' }, 'bad-origin'],
    ['another site', { 'sec-fetch-site': 'cross-site' }, 'bad-origin'],
    ['another site, as a link', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }, 'bad-origin'],
    ['a name that only resolves to this machine', { host: 'evil.example' }, 'bad-host'],
    ['that name as an origin of its own', { host: 'evil.example', origin: 'http://evil.example' }, 'bad-host'],
  ])('is refused for %s', async (_, headers, code) => {
    const server = await start()
    const answer = await raw(server, headers)
    expect([statusOf(answer), answer.toLowerCase().includes('sec-websocket-accept')]).toEqual([403, false])
    expect(answer).toContain(code)
    expect(answer).not.toContain('access-control')
    expect(server.accepted.length).toBe(0)
  })

  it('needs the token where there is one, as a cookie or as Bearer, not in the address', async () => {
    const server = await start({ token: 'secret' })
    const session = `headwater_session=${AccessToken.of('secret').logIn('secret') ?? ''}`
    expect(statusOf(await raw(server, {}))).toBe(401)
    expect(statusOf(await raw(server, {}, 'GET /v1/ws?token=secret HTTP/1.1'))).toBe(401)
    expect(statusOf(await raw(server, { cookie: 'headwater_session=secret' }))).toBe(401)
    expect(statusOf(await raw(server, { cookie: session }))).toBe(101)
    expect(statusOf(await raw(server, { authorization: 'Bearer secret' }))).toBe(101)
  })

  it.each([
    ['another subprotocol', { 'sec-websocket-protocol': 'headwater.2' }, 'GET /v1/ws HTTP/1.1', 400],
    ['no subprotocol', { 'sec-websocket-protocol': null }, 'GET /v1/ws HTTP/1.1', 400],
    ['another address', {}, 'GET /v1/stream/a/1 HTTP/1.1', 404],
    ['an address that is none', {}, 'GET http://[ HTTP/1.1', 400],
    ['a POST', {}, 'POST /v1/ws HTTP/1.1', 405],
    ['a key that is none', { 'sec-websocket-key': 'x' }, 'GET /v1/ws HTTP/1.1', 400],
    ['an old version', { 'sec-websocket-version': '7' }, 'GET /v1/ws HTTP/1.1', 400],
  ])('is refused for %s', async (_, headers, line, status) => {
    const server = await start()
    expect(statusOf(await raw(server, headers, line))).toBe(status)
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
  })

  it('to something else is passed over, as if nobody had asked', async () => {
    const server = await start()
    const h2c = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABkAAQCAAAAAAIAAAAA' }
    expect(statusOf(await raw(server, h2c, 'GET /healthz HTTP/1.1'))).toBe(200)
    expect(statusOf(await raw(server, { ...h2c, host: 'evil.example' }, 'GET /healthz HTTP/1.1'))).toBe(403)
    expect(statusOf(await raw(server, { ...h2c, 'content-length': '2' }, 'POST /v1/chat HTTP/1.1'))).toBe(400)
  })

  it('is refused where there are as many sockets as the server takes', async () => {
    const server = await start({ sockets: { maxSockets: 2 } })
    const first = await server.client()
    await server.client()
    const answer = await raw(server, {})
    expect([statusOf(answer), answer.includes('too-many-sockets'), answer.includes('retry-after')]).toEqual([
      503,
      true,
      true,
    ])
    await first.close()
    await expect.poll(async () => statusOf(await raw(server, {}))).toBe(101)
  })
})

describe('a frame', () => {
  it.each([
    ['no JSON', '{'],
    ['no object', '7'],
    ['null', 'null'],
    ['an unknown type', '{"type":"admin","id":1}'],
    ['no id', '{"type":"ping"}'],
    ['an id that is no whole number', '{"type":"ping","id":1.5}'],
    ['two targets', '{"type":"subscribe","id":1,"sub":1,"channel":"a","stream":"/v1/stream/a/1","offset":"-1"}'],
    ['no target', '{"type":"subscribe","id":1,"sub":1,"offset":"-1"}'],
    ['no offset', '{"type":"subscribe","id":1,"sub":1,"channel":"a"}'],
    ['headers that are no texts', '{"type":"history","id":1,"channel":"a","headers":{"a":1}}'],
    ['a prototype for a type', '{"type":"__proto__","id":1}'],
    ['a deep nest', `{"type":"ping","id":1,"x":${'['.repeat(100_000)}`],
  ])('that is %s is refused, and the socket goes on', async (_, text) => {
    const server = await start()
    const client = await server.client()
    client.socket.send(text)
    // What has an id is answered by it, and the client would have kept it from the notes.
    client.socket.send('{')
    await client.until(() => client.notes.some(({ type }) => type === 'error'))
    const note = client.notes.find((each) => each.type === 'error')
    expect(note).toMatchObject({ error: { code: 'bad-frame', status: 400 } })
    await client.do({ type: 'ping' })
  })

  it('of bytes is refused, and one that is too large closes the socket', async () => {
    const server = await start()
    const client = await server.client()
    client.socket.send(Buffer.from([0, 1, 2]))
    await client.until(() => client.notes.some(({ type }) => type === 'error'))
    await client.do({ type: 'ping' })
    client.socket.send('x'.repeat(client.welcome.limits.frameBytes + 1))
    expect((await client.closed).code).toBe(1009)
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
  })

  it('that nests data deeper than some engines can write again is answered', async () => {
    const server = await start()
    const client = await server.client()
    const nest = '['.repeat(30_000) + ']'.repeat(30_000)
    const told = new Promise<string>((resolve) =>
      client.socket.on('message', (data: Buffer) => data.toString().includes('"id":77') && resolve(data.toString())),
    )
    client.socket.send(`{"type":"publish","id":77,"channel":"a","event":"x","data":${nest}}`)
    expect(JSON.parse(await told)).toMatchObject({ type: expect.stringMatching(/ok|error/) as string })
    await client.do({ type: 'ping' })
  })

  it('is a frame or a refusal, whatever its text is', () => {
    const json = fc.oneof(
      fc.json(),
      fc.string(),
      fc
        .record(
          {
            type: fc.constantFrom('subscribe', 'unsubscribe', 'publish', 'cancel', 'history', 'ping', 'ack', 'pong'),
            id: fc.oneof(fc.nat(), fc.anything()),
            sub: fc.oneof(fc.nat(), fc.anything()),
            offset: fc.oneof(fc.string(), fc.anything()),
            channel: fc.oneof(fc.string(), fc.anything()),
            stream: fc.oneof(fc.string(), fc.anything()),
            headers: fc.oneof(fc.dictionary(fc.string(), fc.string()), fc.anything()),
            data: fc.anything(),
            event: fc.anything(),
            producer: fc.anything(),
            bytes: fc.anything(),
            window: fc.anything(),
          },
          { requiredKeys: ['type'] },
        )
        .map((frame) => {
          try {
            return JSON.stringify(frame)
          } catch {
            return '{}'
          }
        }),
    )
    fc.assert(
      fc.property(json, (text) => {
        const parsed = parseFrame(text)
        if ('refusal' in parsed)
          expect([parsed.refusal.code, parsed.refusal.message.length < 600]).toEqual(['bad-frame', true])
        else expect(JSON.parse(text)).toMatchObject(JSON.parse(JSON.stringify(parsed.frame)) as object)
      }),
      { numRuns: Number(process.env['FUZZ_RUNS'] ?? 500) },
    )
  })

  it('of any text never ends the server, nor the socket of another', async () => {
    const server = await start({ sockets: { framesPerSecond: 100_000 } })
    await server.create('/v1/stream/a/1')
    // Of a name that no frame has: a `cancel` may be a good one, and end its stream.
    await server.create('/v1/stream/beside/1')
    const bystander = await server.client()
    await bystander.do({ type: 'subscribe', sub: 1, stream: '/v1/stream/beside/1', offset: '-1' })
    const name = fc.constantFrom('a', '', '../..', '%', '\0', 'x'.repeat(5000), '__proto__', '\ud800', '/v1/stream/a/1')
    const frame = fc.record({
      type: fc.constantFrom('subscribe', 'unsubscribe', 'publish', 'cancel', 'history', 'ack'),
      id: fc.nat(5),
      sub: fc.nat(3),
      bytes: fc.nat(),
      offset: fc.constantFrom('-1', 'now', 'x', `${'9'.repeat(16)}_${'9'.repeat(16)}`),
      event: name,
      headers: fc.dictionary(fc.constantFrom('authorization', 'cookie', 'a b', 'x'), fc.constantFrom('y', '\n', 'ü')),
    })
    const target = fc.record(
      { stream: name, channel: name, events: name, presence: name, run: name },
      { requiredKeys: [] },
    )
    const client = await server.client()
    const seed = Date.now() % 2 ** 31
    onTestFailed(() => console.log(`seed ${seed}`))
    for (const each of fc.sample(fc.tuple(frame, target), { numRuns: 300, seed }))
      client.socket.send(JSON.stringify({ ...each[0], ...each[1] }))
    await new Promise<void>((resolve) => {
      client.socket.once('pong', () => resolve())
      client.socket.ping()
    })
    await server.append('/v1/stream/beside/1', 'still here')
    await bystander.until(() => bystander.text(1).includes('still here'))
  })

  it('that breaks the WebSocket protocol closes that socket only', async () => {
    const server = await start()
    const other = await server.client()
    const url = `ws://127.0.0.1:${server.port}/v1/ws`
    const socket = new WebSocket(url, 'headwater.1')
    const wire = await new Promise<Socket>((resolve) => socket.once('upgrade', (response) => resolve(response.socket)))
    socket.on('error', () => {})
    // Not masked, reserved bits set, an opcode that there is not.
    wire.write(Buffer.from([0xff, 0x05, 1, 2, 3, 4, 5]))
    await once(socket, 'close')
    await other.do({ type: 'ping' })
  })
})

describe('limits', () => {
  it('refuse subscriptions beyond those of one socket', async () => {
    const server = await start({ sockets: { maxSubscriptions: 2 } })
    const client = await server.client()
    for (const sub of [1, 2]) await client.do({ type: 'subscribe', sub, channel: 'a', offset: '-1' })
    const third = { type: 'subscribe', sub: 3, channel: 'a', offset: '-1' } as const
    expect(await client.refusal(third)).toMatchObject({ code: 'too-many-subscriptions', status: 429 })
    await client.do({ type: 'unsubscribe', sub: 1 })
    await client.do(third)
  })

  it('refuse frames that come too fast, forgive who waits, and close on who does not', async () => {
    let now = 0
    const server = await start({ sockets: { framesPerSecond: 10 }, now: () => now })
    const client = await server.client()
    for (let i = 0; i < 10; i++) await client.do({ type: 'ping' })
    expect(await client.refusal({ type: 'ping' })).toMatchObject({ code: 'too-fast', status: 429 })
    now += 500
    await client.do({ type: 'ping' })
    for (let i = 0; i < 30; i++) void client.ask({ type: 'ping' })
    expect(await client.closed).toEqual({ code: 1008, reason: 'too-fast' })
  })
})

describe('authorize', () => {
  it('is asked as over HTTP, with the headers of the frame and the cookies of the handshake', async () => {
    const asked: [Action, string, string, string | null, string | null][] = []
    const server = await start({
      authorize(request, { action, stream }) {
        const { pathname } = new URL(request.url)
        const { headers } = request
        asked.push([
          action,
          stream,
          `${request.method} ${pathname}`,
          headers.get('authorization'),
          headers.get('cookie'),
        ])
        return headers.get('authorization') === 'Bearer me'
      },
    })
    const me = { authorization: 'Bearer me' }
    await server.store.create({ channel: 'a/b', run: '1' }, { contentType: 'text/plain' })
    const client = await server.client({ cookie: 'session=1', authorization: 'Bearer nobody' })
    const stream = '/v1/stream/a%2Fb/1'
    const no = await client.refusal({ type: 'subscribe', sub: 1, stream, offset: '-1' })
    expect([no.code, no.status]).toEqual(['forbidden', 403])
    await client.do({ type: 'subscribe', sub: 1, stream, offset: '-1', headers: me })
    await client.do({ type: 'history', channel: 'a/b', headers: me })
    await client.do({ type: 'publish', channel: 'a/b', event: 'x', headers: me })
    await client.do({ type: 'subscribe', sub: 2, presence: 'a/b', headers: me })
    await client.do({ type: 'cancel', channel: 'a/b', headers: me })
    expect(asked).toEqual([
      ['read', 'a%2Fb/1', 'GET /v1/stream/a%2Fb/1', 'Bearer nobody', 'session=1'],
      ['read', 'a%2Fb/1', 'GET /v1/stream/a%2Fb/1', 'Bearer me', 'session=1'],
      ['read', 'a%2Fb', 'GET /v1/channels/a%2Fb', 'Bearer me', 'session=1'],
      ['append', 'a%2Fb', 'POST /v1/stream/a%2Fb', 'Bearer me', 'session=1'],
      ['read', 'a%2Fb', 'GET /v1/channels/a%2Fb', 'Bearer me', 'session=1'],
      ['cancel', 'a%2Fb', 'POST /v1/channels/a%2Fb/cancel', 'Bearer me', 'session=1'],
    ])
    const forged = { type: 'history', channel: 'a/b', headers: { Cookie: 'session=2' } } as const
    expect((await client.refusal(forged)).code).toBe('bad-header')
    expect((await client.refusal({ ...forged, headers: { 'x y': '' } })).code).toBe('bad-header')
  })

  it('that throws means no, also when a channel goes on to its next run', async () => {
    const server = await start({
      authorize(_, { stream }) {
        if (stream === 'a/2') throw new Error('no')
      },
    })
    await server.store.create({ channel: 'a', run: '1' }, { contentType: 'text/plain' })
    const client = await server.client()
    await client.do({ type: 'subscribe', sub: 1, channel: 'a', offset: '-1' })
    await server.store.create(
      { channel: 'a', run: '2' },
      { contentType: 'text/plain', records: [Buffer.from('secret')] },
    )
    await client.until(() => client.of(1).at(-1)?.type === 'dropped')
    expect(client.of(1).at(-1)).toMatchObject({ error: { code: 'forbidden', status: 403 } })
    expect(client.text(1)).toBe('')
  })
})
