import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readConfig } from '../../../src/server/config.ts'
import { serve } from '../../../src/server/node.ts'
import type { RunningServer } from '../../../src/server/node.ts'
import { toRequest, WholeRequest } from '../../../src/server/plain-request.ts'

let server: RunningServer
let runs = 0

beforeAll(async () => {
  server = await serve({ config: readConfig({}, { port: 0, store: 'memory' }), models: [] })
})
afterAll(() => server.close())

async function createStream(): Promise<string> {
  const path = `/v1/stream/small/${++runs}`
  await fetch(server.url + path, { method: 'PUT', headers: { 'content-type': 'text/plain' } })
  return path
}

const textOf = async (path: string): Promise<string> => (await fetch(`${server.url}${path}?offset=-1`)).text()

async function open(): Promise<Socket> {
  const { hostname, port } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  socket.setEncoding('latin1')
  await once(socket, 'connect')
  return socket
}

/** All that is answered on a connection until it is closed. */
async function untilClosed(socket: Socket): Promise<string> {
  let answer = ''
  socket.on('data', (text: string) => (answer += text))
  await once(socket, 'close')
  return answer
}

/** An append as bytes. */
function post(path: string, body: string, headers: readonly string[] = [`Content-Length: ${body.length}`]): string {
  const { host } = new URL(server.url)
  const head = [`POST ${path} HTTP/1.1`, `Host: ${host}`, 'Content-Type: text/plain', ...headers]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}

const CLOSE = 'Connection: close'

describe('a small append, on a socket', () => {
  it('is taken in order where several are sent at once', async () => {
    const path = await createStream()
    const socket = await open()
    const length = ['Content-Length: 1']
    socket.write(post(path, 'a', length) + post(path, 'b', length) + post(path, 'c', [...length, CLOSE]))
    expect((await untilClosed(socket)).match(/HTTP\/1\.1 204/g)).toHaveLength(3)
    expect(await textOf(path)).toBe('abc')
  })

  it('is put together where it comes in pieces', async () => {
    const path = await createStream()
    const socket = await open()
    const bytes = post(path, 'piecemeal', ['Content-Length: 9', CLOSE])
    const answer = untilClosed(socket)
    for (const byte of bytes) await new Promise((resolve) => socket.write(byte, resolve))
    expect(await answer).toMatch(/^HTTP\/1\.1 204/)
    expect(await textOf(path)).toBe('piecemeal')
  })

  it('leaves nothing behind where its client goes in the middle', async () => {
    const path = await createStream()
    const socket = await open()
    await new Promise((resolve) => socket.write(post(path, 'half of', ['Content-Length: 99']), resolve))
    socket.destroy()
    await once(socket, 'close')
    const whole = await open()
    whole.write(post(path, 'whole', ['Content-Length: 5', CLOSE]))
    await untilClosed(whole)
    expect(await textOf(path)).toBe('whole')
  })

  it.each([
    ['does not tell its length', ['Transfer-Encoding: chunked', CLOSE], '5\r\nhello\r\n0\r\n\r\n'],
    ['waits to be asked for the body', ['Content-Length: 5', 'Expect: 100-continue', CLOSE], 'hello'],
  ])('goes the standard way where it %s', async (_, headers, body) => {
    const path = await createStream()
    const socket = await open()
    socket.write(post(path, body, headers))
    expect(await untilClosed(socket)).toMatch(/HTTP\/1\.1 204/)
    expect(await textOf(path)).toBe('hello')
  })

  it.each([
    ['another name', (path: string) => post(path, 'x').replace(/Host: .*/, 'Host: evil.example'), 'bad-host'],
    ['a name that is none', (path: string) => post(path, 'x').replace(/Host: .*/, 'Host: 127.0.0.1:99999'), ''],
    ['a name with a path', (path: string) => post(path, 'x').replace(/Host: .*/, 'Host: 127.0.0.1/v1'), ''],
    [
      'another origin',
      (path: string) => post(path, 'x', ['Content-Length: 1', 'Origin: http://evil.example']),
      'bad-origin',
    ],
    [
      'a body that is packed',
      (path: string) => post(path, 'x', ['Content-Length: 1', 'Content-Encoding: gzip']),
      'encoded',
    ],
    ['no stream', () => post('/v1/stream/small/nowhere', 'x'), 'unknown-stream'],
    ['a path that leads elsewhere', () => post('/v1/stream/../channels', 'x'), 'not-found'],
  ])('is refused with a reason where it has %s', async (_, bytesOf, code) => {
    const path = await createStream()
    const socket = await open()
    socket.write(bytesOf(path).replace('Content-Type', `${CLOSE}\r\nContent-Type`))
    const answer = await untilClosed(socket)
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d/)
    expect(answer).toContain(code)
    expect(await textOf(path)).toBe('')
  })
})

describe('a request that has arrived whole', () => {
  const headers = { 'content-type': 'text/plain', 'x-many': ['a', 'b'] }

  it('is a standard one for who wants it', async () => {
    const request = toRequest(
      new WholeRequest('POST', new URL('http://h/v1/stream/a/b?c'), headers, Buffer.from('text')),
    )
    expect(request).toBeInstanceOf(Request)
    expect([request.method, request.url]).toEqual(['POST', 'http://h/v1/stream/a/b?c'])
    expect([...request.headers]).toEqual([
      ['content-type', 'text/plain'],
      ['x-many', 'a,b'],
    ])
    expect(await request.text()).toBe('text')
  })

  it('has headers by any spelling, and a body of its own', async () => {
    const bytes = Buffer.from('text')
    const request = new WholeRequest('POST', new URL('http://h/'), headers, bytes)
    bytes.fill(0)
    expect([request.headers.get('Content-Type'), request.headers.get('x-none')]).toEqual(['text/plain', null])
    expect([request.headers.has('x-many'), request.headers.has('x-none')]).toEqual([true, false])
    const body = await request.arrayBuffer()
    expect(body.byteLength).toBe(4)
    expect(Buffer.from(body).toString()).toBe('text')
  })
})
