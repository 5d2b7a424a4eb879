import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readConfig } from '../../../src/server/config.ts'
import type { ServerFlags } from '../../../src/server/config.ts'
import { serve } from '../../../src/server/node.ts'
import type { RunningServer, ServeOptions } from '../../../src/server/node.ts'
import { StartError } from '../../../src/server/server-error.ts'
import { GatedModel } from './gated-model.ts'
import { SseClient } from './sse-client.ts'

let folder: string
const running: RunningServer[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-serve-'))
})
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()))
  await rm(folder, { recursive: true, force: true })
})

async function start(flags: ServerFlags = {}, options: Partial<ServeOptions> = {}): Promise<RunningServer> {
  const config = readConfig({}, { port: 0, data: join(folder, 'data'), ...flags })
  const server = await serve({ config, models: [], ...options })
  running.push(server)
  return server
}

async function startFailure(flags: ServerFlags): Promise<StartError> {
  const error: unknown = await start(flags).then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (error instanceof StartError) return error
  throw new Error('it started')
}

describe('starting', () => {
  it('says so when the port is taken, and lets go of the data folder', async () => {
    const first = await start()
    const port = new URL(first.url).port
    const error = await startFailure({ port, data: join(folder, 'other') })
    expect([error.code, error.message]).toEqual(['port-taken', expect.stringContaining(port)])
    await start({ data: join(folder, 'other') })
  })

  it('says so when the data folder cannot be written', async () => {
    await writeFile(join(folder, 'file'), '')
    const error = await startFailure({ data: join(folder, 'file', 'data') })
    expect([error.code, error.message]).toEqual(['data-folder', expect.stringContaining(join(folder, 'file'))])
  })

  it.runIf(existsSync('/proc/self'))('says so at once when the data folder is where nobody can make one', async () => {
    const error = await startFailure({ data: '/proc/headwater/data' })
    expect([error.code, error.message]).toEqual(['data-folder', expect.stringContaining('--data')])
  })

  it('makes the folders on the way to its data, for its owner alone', async () => {
    await start({ data: join(folder, 'a', 'b', 'data') })
    const modes = await Promise.all(['a', 'a/b', 'a/b/data'].map(async (path) => (await stat(join(folder, path))).mode))
    expect(modes.map((mode) => mode & 0o777)).toEqual([0o700, 0o700, 0o700])
  })

  it('says so when another server holds the data folder, until that one is gone', async () => {
    const first = await start()
    expect((await startFailure({})).code).toBe('data-folder')
    await first.close()
    await start()
  })

  it('takes over from a server that was killed', async () => {
    await mkdir(join(folder, 'data'))
    // No process can have this number.
    await writeFile(join(folder, 'data', 'server.lock'), JSON.stringify({ pid: 2 ** 22 + 1, birth: '1' }))
    await start()
  })

  it('says so when the address is not one of this machine', async () => {
    expect((await startFailure({ host: '192.0.2.1' })).code).toBe('address-refused')
  })
})

describe('a running server', () => {
  it('keeps its streams over a restart, pipes’ open, and goes on waking readers', async () => {
    const first = await start()
    await fetch(`${first.url}/v1/stream/build/1`, { method: 'PUT', headers: { 'content-type': 'text/plain' } })
    await fetch(`${first.url}/v1/stream/build/1`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: 'one',
    })
    await first.close()

    const second = await start()
    const sse = new SseClient(await fetch(`${second.url}/v1/stream/build/1?offset=-1&live=sse`))
    expect((await sse.next())?.data).toBe('one')
    await sse.next()
    await fetch(`${second.url}/v1/stream/build/1`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: 'two',
    })
    expect((await sse.next())?.data).toBe('two')
    await sse.close()
  })

  it('closes at once while readers are live, and ends its model runs first', async () => {
    const model = new GatedModel()
    const server = await start({}, { models: [model.offered] })
    const body = JSON.stringify({ id: 'c', messages: [{ role: 'user', parts: [{ type: 'text', text: 'hi' }] }] })
    const chat = new SseClient(await fetch(`${server.url}/v1/chat`, { method: 'POST', body }))
    await model.called
    await fetch(`${server.url}/v1/stream/b/1`, { method: 'PUT' })
    const poll = fetch(`${server.url}/v1/stream/b/1?offset=-1&live=long-poll`)
    await expect.poll(async () => (await fetch(`${server.url}/metrics`)).text()).toContain('headwater_readers 2')
    await server.close()
    expect((await chat.rest()).at(-2)?.data).toContain('producer-lost')
    expect((await poll).status).toBe(204)
    await expect(fetch(server.url)).rejects.toThrow()
  })

  it('counts a client that goes away without a word', async () => {
    const server = await start({ store: 'memory' })
    await fetch(`${server.url}/v1/stream/b/1`, { method: 'PUT' })
    const gone = new AbortController()
    const figures = async (): Promise<string> => (await fetch(`${server.url}/metrics`)).text()
    await fetch(`${server.url}/v1/stream/b/1?offset=-1&live=sse`, { signal: gone.signal })
    expect(await figures()).toContain('headwater_stream_readers{stream="b/1"} 1\n')
    gone.abort()
    await expect.poll(figures).toContain('headwater_readers 0\n')
  })

  it('refuses names and origins that are not its own', async () => {
    const server = await start({ store: 'memory' })
    const refused = await fetch(`${server.url}/v1/channels`, { headers: { origin: 'http://evil.example' } })
    expect(refused.status).toBe(403)
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
  })

  it('makes a token where it can be reached from the network', async () => {
    const server = await start({ host: '0.0.0.0', store: 'memory' })
    expect(server.token).toBe('made')
    expect((await fetch(`${server.url}/v1/channels`)).status).toBe(401)
    const cookie = await logIn(server)
    expect((await fetch(`${server.url}/v1/channels`, { headers: { cookie } })).status).toBe(200)
  })

  it('keeps a token that it made as a hash: a restart knows logged-in browsers, and shows no token again', async () => {
    const first = await start({ host: '0.0.0.0' })
    const cookie = await logIn(first)
    const secret = new URL(first.loginUrl ?? '').searchParams.get('token') ?? ''
    await first.close()
    const session = cookie.split('=')[1] ?? ''
    for (const file of await readdir(join(folder, 'data'))) {
      const bytes = await readFile(join(folder, 'data', file), 'latin1')
      expect([file, bytes.includes(secret), bytes.includes(session)]).toEqual([file, false, false])
    }
    expect((await stat(join(folder, 'data', 'access.json'))).mode & 0o777).toBe(0o600)

    const second = await start({ host: '0.0.0.0' })
    expect([second.token, second.loginUrl]).toEqual(['kept', null])
    expect((await fetch(`${second.url}/v1/channels`, { headers: { cookie } })).status).toBe(200)
    const headers = { authorization: `Bearer ${secret}` }
    expect((await fetch(`${second.url}/v1/channels`, { headers })).status).toBe(200)
    await second.close()

    const third = await start({ host: '0.0.0.0' }, { newToken: true })
    expect(third.token).toBe('made')
    expect((await fetch(`${third.url}/v1/channels`, { headers })).status).toBe(401)
    expect((await fetch(`${third.url}/v1/channels`, { headers: { cookie } })).status).toBe(401)
    expect((await fetch(`${third.url}/v1/channels`, { headers: { cookie: await logIn(third) } })).status).toBe(200)
  })

  it('does not store a token that it was given', async () => {
    const server = await start({ host: '0.0.0.0', token: 'the-operators' })
    expect(server.token).toBe('given')
    expect(existsSync(join(folder, 'data', 'access.json'))).toBe(false)
  })

  it('lets a page of an allowed origin read why it is refused', async () => {
    const origin = 'https://app.example'
    const server = await start({ host: '0.0.0.0', token: 'the-operators', cors: origin })
    const url = new URL('/v1/channels', server.url)
    const refused = await fetch(url, { headers: { origin, authorization: 'Bearer wrong' } })
    expect(refused.status).toBe(401)
    expect(refused.headers.get('access-control-allow-origin')).toBe(origin)
    expect((await fetch(url, { headers: { authorization: 'Bearer wrong' } })).headers.has('vary')).toBe(true)
    await server.close()
  })

  it('starts with no token that it cannot read, and says how to get a new one', async () => {
    await mkdir(join(folder, 'data'))
    await writeFile(join(folder, 'data', 'access.json'), '{"version":1,"token":"')
    const error = await startFailure({ host: '0.0.0.0' })
    expect([error.code, error.message]).toEqual(['data-folder', expect.stringContaining('--new-token')])
    await start({ host: '0.0.0.0' }, { newToken: true })
  })

  it.each([[{}], [{ host: '0.0.0.0', token: 'given' }]])(
    'makes no new token where none is its own: %o',
    async (flags) => {
      const config = readConfig({}, { port: 0, store: 'memory', ...flags })
      await expect(serve({ config, models: [], newToken: true })).rejects.toMatchObject({ code: 'bad-config' })
    },
  )
})

/** Opens the login link; answers with the cookie of a logged-in browser. */
async function logIn(server: RunningServer): Promise<string> {
  const { pathname, search } = new URL(server.loginUrl ?? '')
  const answer = await fetch(server.url + pathname + search, { redirect: 'manual' })
  return answer.headers.get('set-cookie')?.split(';')[0] ?? ''
}

describe('the app’s files', () => {
  let url: string

  beforeEach(async () => {
    const app = join(folder, 'app')
    await mkdir(join(app, 'assets'), { recursive: true })
    await writeFile(join(app, 'index.html'), '<!doctype html>app')
    await writeFile(join(app, 'manifest.webmanifest'), '{}')
    await writeFile(join(app, 'service-worker.js'), 'self')
    await writeFile(join(app, '.secret'), 'x')
    await writeFile(join(app, 'assets', 'main-B1cD_2eF.js'), 'code')
    await writeFile(join(folder, 'outside'), 'x')
    url = (await start({ store: 'memory' }, { appFolder: app })).url
  })

  it.each([
    ['/', 'text/html; charset=utf-8', 'no-cache'],
    ['/index.html', 'text/html; charset=utf-8', 'no-cache'],
    ['/service-worker.js', 'text/javascript; charset=utf-8', 'no-cache'],
    ['/manifest.webmanifest', 'application/manifest+json', 'no-cache'],
    ['/assets/main-B1cD_2eF.js', 'text/javascript; charset=utf-8', 'public, max-age=31536000, immutable'],
  ])('come with the right type and life: %s', async (path, type, cache) => {
    const response = await fetch(url + path)
    expect([response.status, response.headers.get('content-type'), response.headers.get('cache-control')]).toEqual([
      200,
      type,
      cache,
    ])
    expect(response.headers.get('content-security-policy')).toContain("script-src 'self';")
    const etag = response.headers.get('etag') ?? ''
    expect((await fetch(url + path, { headers: { 'if-none-match': etag } })).status).toBe(304)
  })

  it('give the app for an address of its own, and 404 for a file that is missing', async () => {
    const page = await fetch(`${url}/channel/build`, { headers: { accept: 'text/html,*/*' } })
    expect(await page.text()).toContain('app')
    expect((await fetch(`${url}/assets/gone.js`)).status).toBe(404)
    expect((await fetch(`${url}/v1/nothing`, { headers: { accept: 'text/html' } })).status).toBe(404)
    expect((await fetch(url, { method: 'POST' })).status).toBe(405)
  })

  it.each([
    '/..%2Foutside',
    '/%2e%2e/outside',
    '/..%5coutside',
    '/.secret',
    '/assets/..%2f..%2foutside',
    '/%00',
    '/assets',
  ])('do not include %s', async (path) => {
    expect((await fetch(url + path)).status).toBe(404)
  })
})
