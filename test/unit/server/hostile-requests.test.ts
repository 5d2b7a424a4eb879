import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readConfig } from '../../../src/server/config.ts'
import { serve } from '../../../src/server/node.ts'
import type { RunningServer } from '../../../src/server/node.ts'
import { recordingLog } from './recording-log.ts'

const TOKEN = 'the-token'
const noKeys = { models: [] }
const logged = recordingLog()
let folder: string
let open: RunningServer
let guarded: RunningServer
let withApp: RunningServer

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-hostile-'))
  await writeFile(join(folder, 'index.html'), '<!doctype html>')
  const { log } = logged
  const config = readConfig({}, { port: 0, store: 'memory' })
  open = await serve({ config, log, ...noKeys })
  guarded = await serve({ config: { ...config, token: TOKEN }, log, ...noKeys })
  withApp = await serve({ config: { ...config, token: TOKEN }, appFolder: folder, log, ...noKeys })
})
afterAll(async () => {
  await Promise.all([open.close(), guarded.close(), withApp.close()])
  await rm(folder, { recursive: true, force: true })
})

/** What the server answers to bytes that no client library would send, until it closes or has answered. */
async function raw(server: RunningServer, request: string): Promise<string> {
  const { hostname, port } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  let answer = ''
  socket.setEncoding('latin1')
  socket.on('data', (text: string) => (answer += text))
  socket.on('error', () => undefined)
  socket.write(request, 'latin1')
  await once(socket, 'close')
  return answer
}

function get(server: RunningServer, target: string, headers: readonly string[] = []): Promise<string> {
  const host = `Host: ${new URL(server.url).host}`
  return raw(server, [`GET ${target} HTTP/1.1`, host, 'Connection: close', ...headers, '', ''].join('\r\n'))
}

const statusOf = (answer: string): number => Number(answer.split(' ')[1])

describe('a path that is written otherwise', () => {
  const paths = ['/%761/channels', '/v%31/channels', '/%6detrics', '//v1/channels', '/V1/channels', '/x/../v1/channels', '/./v1/channels', '/v1/./channels', '/v1%2fchannels', '/v1/%2e/channels', 'http://127.0.0.1/v1/channels'] // prettier-ignore
  it.each(paths)('does not lead past the token: %s', async (path) => {
    for (const server of [guarded, withApp]) {
      const answer = await get(server, path)
      expect([401, 404]).toContain(statusOf(answer))
      expect(answer).not.toContain('"channels"')
    }
  })

  it.each(paths)('does not lead past the check of the page that asks: %s', async (path) => {
    const headers = ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document']
    const answer = await get(open, path, headers)
    expect([403, 404]).toContain(statusOf(answer))
  })
})

describe('a request that no client of ours sends', () => {
  const ownHost = (): string => new URL(open.url).host

  it.each([
    ['without Host', () => 'GET /v1/channels HTTP/1.0\r\n\r\n'],
    [
      'with two Hosts',
      () => `GET /v1/channels HTTP/1.1\r\nHost: evil.example\r\nHost: ${ownHost()}\r\nConnection: close\r\n\r\n`,
    ],
    ['with an empty Host', () => 'GET /v1/channels HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n'],
    [
      'with credentials in Host',
      () => 'GET /v1/channels HTTP/1.1\r\nHost: 127.0.0.1@evil\r\nConnection: close\r\n\r\n',
    ],
    ['for another host by its full address', () => 'GET http://evil.example/v1/channels HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n'], // prettier-ignore
    ['to be a tunnel', () => `CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: ${ownHost()}\r\n\r\n`],
    ['with NUL in its path', () => `GET /v1/\0channels HTTP/1.1\r\nHost: ${ownHost()}\r\nConnection: close\r\n\r\n`],
    ['with a length and chunks', () => `POST /v1/chat HTTP/1.1\r\nHost: ${ownHost()}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`], // prettier-ignore
    ['with a negative length', () => `POST /v1/chat HTTP/1.1\r\nHost: ${ownHost()}\r\nContent-Length: -1\r\n\r\n`],
  ])('is refused: %s', async (_, request) => {
    const answer = await raw(open, request())
    expect(answer === '' || (statusOf(answer) >= 400 && statusOf(answer) < 500)).toBe(true)
    expect(answer).not.toContain('"channels"')
  })

  it('gets no channel as a WebSocket of another origin', async () => {
    const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Origin: http://evil.example'] // prettier-ignore
    const request = ['GET /v1/ws HTTP/1.1', `Host: ${ownHost()}`, ...upgrade, 'Connection: close', '', ''].join('\r\n')
    expect(statusOf(await raw(open, request))).toBe(403)
  })

  it('gets no permission by a preflight', async () => {
    const answer = await raw(
      open,
      `OPTIONS /v1/stream/a/b HTTP/1.1\r\nHost: ${ownHost()}\r\nOrigin: null\r\nAccess-Control-Request-Method: PUT\r\nConnection: close\r\n\r\n`,
    )
    expect(statusOf(answer)).toBe(403)
    expect(answer.toLowerCase()).not.toContain('access-control-allow')
  })

  it('is refused with headers that are too large, and the next one is answered', async () => {
    expect(statusOf(await get(open, '/v1/channels', [`X-Large: ${'x'.repeat(100_000)}`]))).toBe(431)
    expect(statusOf(await get(open, '/v1/channels'))).toBe(200)
  })
})

describe('a path of a stream', () => {
  it.each([
    ['NUL', '/v1/stream/a%00b/1', 400],
    ['broken UTF-8', '/v1/stream/%ff/1', 400],
    ['a line end', '/v1/stream/a%0d%0aset-cookie:x/1', 400],
    ['an empty segment', '/v1/stream//1', 400],
    ['a name that is too long', `/v1/stream/${'n'.repeat(257)}/1`, 400],
    ['a slash in the channel', '/v1/stream/a%2Fb/1', 404],
    ['dots', '/v1/stream/..%2f..%2fetc/passwd', 404],
    ['dots in the app', '/..%2f..%2fetc%2fpasswd', 404],
  ])('with %s is refused', async (_, path, status) => {
    expect(statusOf(await get(open, path))).toBe(status)
  })
})

describe('a body', () => {
  it('of no known length is refused once it is too large, and nothing of it is kept', async () => {
    const put = await fetch(`${open.url}/v1/stream/big/1`, { method: 'PUT', headers: { 'content-type': 'text/plain' } })
    expect(put.status).toBe(201)
    const mebibyte = new Uint8Array(1024 * 1024)
    let sent = 0
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => (sent++ < 24 ? controller.enqueue(mebibyte) : controller.close()),
    })
    const init = { method: 'POST', headers: { 'content-type': 'text/plain' }, body, duplex: 'half' }
    const outcome = await fetch(`${open.url}/v1/stream/big/1`, init as RequestInit).then(
      async (answer) => [answer.status, ((await answer.json()) as { error: { code: string } }).error.code],
      () => 'cut',
    )
    expect([[413, 'too-large'], 'cut']).toContainEqual(outcome)
    const tail = await fetch(`${open.url}/v1/stream/big/1`)
    expect(await tail.text()).toBe('')
  })

  it('that is nested without end is refused or taken, and hurts nobody', async () => {
    const deep = '['.repeat(1_000_000)
    const headers = { 'content-type': 'application/json' }
    const chat = await fetch(`${open.url}/v1/chat`, { method: 'POST', headers, body: deep })
    expect(chat.status).toBe(400)
    await fetch(`${open.url}/v1/stream/deep/1`, { method: 'PUT', headers })
    const body = deep + ']'.repeat(1_000_000)
    const append = await fetch(`${open.url}/v1/stream/deep/1`, { method: 'POST', headers, body })
    expect([204, 400]).toContain(append.status)
    expect((await fetch(`${open.url}/healthz`)).status).toBe(200)
  })

  it('that breaks off leaves nothing behind', async () => {
    await fetch(`${open.url}/v1/stream/cut/1`, { method: 'PUT', headers: { 'content-type': 'text/plain' } })
    const { hostname, port } = new URL(open.url)
    const socket = connect(Number(port), hostname)
    socket.on('error', () => undefined)
    socket.write(
      `POST /v1/stream/cut/1 HTTP/1.1\r\nHost: ${new URL(open.url).host}\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nhalf`,
      () => socket.destroy(),
    )
    await once(socket, 'close')
    expect(await (await fetch(`${open.url}/v1/stream/cut/1`)).text()).toBe('')
  })
})

it('a stream that calls itself HTML cannot act as a page of the server', async () => {
  const address = `${open.url}/v1/stream/page/1`
  const headers = { 'content-type': 'text/html' }
  await fetch(address, { method: 'PUT', headers, body: '<script>fetch("/v1/channels")</script>' })
  const answer = await fetch(address)
  expect(answer.headers.get('content-type')).toBe('text/html')
  expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
  expect(answer.headers.get('content-security-policy')).toMatch(/\bsandbox\b/)
  expect(answer.headers.get('content-security-policy')).toMatch(/default-src 'none'/)
})

it('nothing of this was logged as a failure of the server', () => {
  expect(logged.records.filter(({ level }) => level === 'error')).toEqual([])
})
