import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { readConfig } from '../../../src/server/config.ts'
import { AccessToken } from '../../../src/server/door/access-token.ts'
import type { ServerFlags } from '../../../src/server/config.ts'
import { serve } from '../../../src/server/node.ts'
import type { RunningServer } from '../../../src/server/node.ts'
import { recordingLog } from './recording-log.ts'

const running: RunningServer[] = []
const sockets: Socket[] = []
const logged = recordingLog()

afterEach(async () => {
  vi.useRealTimers()
  for (const socket of sockets.splice(0)) socket.destroy()
  await Promise.all(running.splice(0).map((server) => server.close()))
  expect(logged.records.filter(({ level }) => level === 'error')).toEqual([])
})

async function start(flags: ServerFlags): Promise<RunningServer> {
  const config = readConfig({}, { port: 0, store: 'memory', ...flags })
  const server = await serve({ config, models: [], log: logged.log })
  running.push(server)
  return server
}

/** A socket that says what it is told, and keeps what it hears. */
async function open(server: RunningServer): Promise<{ socket: Socket; heard: () => string; closed: Promise<unknown> }> {
  const { hostname, port } = new URL(server.url)
  const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true })
  sockets.push(socket)
  socket.on('error', () => undefined)
  let heard = ''
  socket.setEncoding('latin1')
  socket.on('data', (text: string) => (heard += text))
  const closed = once(socket, 'end').catch(() => undefined)
  await once(socket, 'connect')
  return { socket, heard: () => heard, closed }
}

const hostOf = (server: RunningServer): string => `Host: ${new URL(server.url).host}`
const errorIn = (answer: string): unknown => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))

describe('a client that is slow on purpose', () => {
  it('is refused when the head of its request takes too long, byte by byte', async () => {
    const server = await start({ headersTimeoutMs: 100 })
    const { socket, heard, closed } = await open(server)
    socket.write('GET /v1/channels HTTP/1.1\r\n')
    const drip = setInterval(() => socket.write('X: y\r\n'), 20)
    await closed
    clearInterval(drip)
    expect(heard()).toMatch(/^HTTP\/1\.1 408 /)
    expect(errorIn(heard())).toMatchObject({ error: { code: 'too-slow' } })
  })

  it('is refused when the body of its request takes too long, and nothing of it is kept', async () => {
    const server = await start({ headersTimeoutMs: 100, requestTimeoutMs: 200 })
    await fetch(`${server.url}/v1/stream/slow/1`, { method: 'PUT', headers: { 'content-type': 'text/plain' } })
    const { socket, heard, closed } = await open(server)
    const head = [`POST /v1/stream/slow/1 HTTP/1.1`, hostOf(server), 'Content-Type: text/plain', 'Content-Length: 1000']
    socket.write(`${head.join('\r\n')}\r\n\r\n`)
    const drip = setInterval(() => socket.write('x'), 20)
    await closed
    clearInterval(drip)
    // Also an end without a word is one: the answer of the request may have been under way.
    expect(heard()).toMatch(/^$|^HTTP\/1\.1 4(00|08) /)
    expect(await (await fetch(`${server.url}/v1/stream/slow/1`)).text()).toBe('')
  })

  it('is cut when it says nothing at all', async () => {
    const server = await start({ headersTimeoutMs: 100 })
    const { closed } = await open(server)
    await closed
  })

  it('delays nobody, also as two hundred', async () => {
    const server = await start({ headersTimeoutMs: 60_000 })
    const slow = await Promise.all(Array.from({ length: 200 }, () => open(server)))
    for (const { socket } of slow) socket.write('GET /v1/ch')
    expect((await fetch(`${server.url}/v1/channels`)).status).toBe(200)
  })
})

describe('a connection that is half open', () => {
  it('whose client has said its last word still gets its answer', async () => {
    const server = await start({})
    const { socket, heard, closed } = await open(server)
    socket.end(`GET /v1/channels HTTP/1.1\r\n${hostOf(server)}\r\nConnection: close\r\n\r\n`)
    await closed
    expect(heard()).toMatch(/^HTTP\/1\.1 200 /)
  })

  it('whose reader went away in mid-stream is counted out', async () => {
    const server = await start({})
    await fetch(`${server.url}/v1/stream/b/1`, { method: 'PUT' })
    const { socket, heard } = await open(server)
    socket.write(`GET /v1/stream/b/1?offset=-1&live=sse HTTP/1.1\r\n${hostOf(server)}\r\n\r\n`)
    await expect.poll(heard).toContain('text/event-stream')
    const figures = async (): Promise<string> => (await fetch(`${server.url}/metrics`)).text()
    expect(await figures()).toContain('headwater_readers 1\n')
    socket.resetAndDestroy()
    await expect.poll(figures).toContain('headwater_readers 0\n')
  })
})

describe('too many', () => {
  it('connections of all are answered with 503, and taken again once there is room', async () => {
    const server = await start({ maxConnections: 3 })
    const held = await Promise.all([open(server), open(server), open(server)])
    const { socket, heard, closed } = await open(server)
    socket.write(`GET /v1/channels HTTP/1.1\r\n${hostOf(server)}\r\n\r\n`)
    await closed
    expect(heard()).toMatch(/^HTTP\/1\.1 503 .*retry-after: 5/is)
    expect(heard()).toContain('"too-many-connections"')
    for (const each of held) each.socket.destroy()
    const status = async (): Promise<number> => (await fetch(`${server.url}/v1/channels`, { headers: { connection: 'close' } })).status // prettier-ignore
    await expect.poll(status).toBe(200)
  })

  it('connections of one client are answered with 429', async () => {
    const server = await start({ maxClientConnections: 2 })
    await Promise.all([open(server), open(server)])
    const { socket, heard, closed } = await open(server)
    socket.write(`GET /v1/channels HTTP/1.1\r\n${hostOf(server)}\r\n\r\n`)
    await closed
    expect(heard()).toMatch(/^HTTP\/1\.1 429 /)
  })

  it('requests of one client are answered with 429 and how long to wait, those of others are not', async () => {
    const server = await start({ clientRate: 1, proxies: 1 })
    const ask = (client: string): Promise<Response> =>
      fetch(`${server.url}/v1/channels`, { headers: { 'x-forwarded-for': client } })
    const statuses: number[] = []
    for (let n = 0; n < 15; n++) statuses.push((await ask('198.51.100.1')).status)
    expect(statuses.slice(0, 10)).toEqual(Array(10).fill(200))
    const refused = await ask('198.51.100.1')
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1'])
    expect(await refused.json()).toMatchObject({ error: { code: 'too-many-requests', message: expect.stringContaining('Wait 1 s') } }) // prettier-ignore
    expect((await ask('198.51.100.2')).status).toBe(200)
    expect(await (await fetch(`${server.url}/metrics`)).text()).toContain('headwater_errors_total{code="too-many-requests"}') // prettier-ignore
  })

  it('requests of all are answered with 503', async () => {
    const server = await start({ rate: 1 })
    const statuses: number[] = []
    for (let n = 0; n < 15; n++) statuses.push((await fetch(`${server.url}/v1/channels`)).status)
    expect([statuses[0], statuses.at(-1)]).toEqual([200, 503])
  })

  it('wrong tokens are answered with 429, before a weak one is found', async () => {
    // A second gives a guess back, and a slow machine may take one.
    vi.useFakeTimers({ toFake: ['Date'] })
    const server = await start({ token: 'weak' })
    const statuses: number[] = []
    for (let n = 0; n < 15; n++) {
      statuses.push((await fetch(`${server.url}/v1/channels`, { headers: { authorization: `Bearer ${n}` } })).status)
    }
    expect([statuses[0], statuses.at(-1)]).toEqual([401, 429])
    // Else who guesses would still learn which one is right.
    const session = `headwater_session=${AccessToken.of('weak').logIn('weak') ?? ''}`
    for (const [name, value] of [
      ['authorization', 'Bearer weak'],
      ['cookie', session],
    ] as const) {
      expect((await fetch(`${server.url}/v1/channels`, { headers: { [name]: value } })).status).toBe(429)
    }
    expect((await fetch(`${server.url}/?token=weak`, { redirect: 'manual' })).status).toBe(429)
    // Neither what needs no token nor what has none is a guess.
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
    expect((await fetch(`${server.url}/v1/channels`)).status).toBe(401)
  })

  it('requests without a token are no wrong tokens', async () => {
    const server = await start({ token: 'weak' })
    for (let n = 0; n < 15; n++) expect((await fetch(`${server.url}/v1/channels`)).status).toBe(401)
    expect((await fetch(`${server.url}/v1/channels`, { headers: { authorization: 'Bearer weak' } })).status).toBe(200)
  })

  it('wrong tokens lock nobody out where the server made the token, which nobody guesses', async () => {
    const server = await start({ host: '0.0.0.0' })
    const ask = (token: string): Promise<Response> =>
      fetch(`${server.url}/v1/channels`, { headers: { authorization: `Bearer ${token}` } })
    for (let n = 0; n < 15; n++) expect((await ask(String(n))).status).toBe(401)
    expect((await ask(new URL(server.loginUrl ?? '').searchParams.get('token') ?? '')).status).toBe(200)
  })
})

it('a head that is larger than configured is refused with words', async () => {
  const server = await start({ maxHeaderBytes: 2048 })
  const { socket, heard, closed } = await open(server)
  socket.write(`GET /v1/channels HTTP/1.1\r\n${hostOf(server)}\r\nX: ${'x'.repeat(4000)}\r\n\r\n`)
  await closed
  expect(heard()).toMatch(/^HTTP\/1\.1 431 /)
  expect(errorIn(heard())).toMatchObject({ error: { code: 'headers-too-large' } })
})
