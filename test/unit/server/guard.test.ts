import { describe, expect, it } from 'vitest'
import { AccessToken } from '../../../src/server/door/access-token.ts'
import { createGuard, isLoopbackName } from '../../../src/server/guard.ts'

const loopback = createGuard({ isLoopback: true, token: null })
const guarded = createGuard({ isLoopback: false, token: AccessToken.of('secret') })

function ask(path: string, headers: Record<string, string>, method = 'GET'): Request {
  const host = headers['host'] ?? '127.0.0.1:4437'
  return new Request(`http://${host}${path}`, { method, headers: { host, ...headers } })
}

describe('a server on a loopback address', () => {
  it.each(['127.0.0.1:4437', 'localhost:1', 'LOCALHOST', '[::1]:4437', '127.1.2.3'])('answers to %s', (host) => {
    expect(loopback(ask('/v1/channels', { host }))).toBe(null)
  })

  it.each(['evil.example', 'localhost.evil.example:4437', '127.0.0.1.evil.example', '192.168.0.1', '0.0.0.0'])(
    'refuses the name %s, whatever it resolves to',
    (host) => {
      expect(loopback(ask('/v1/channels', { host }))?.status).toBe(403)
      expect(loopback(ask('/', { host }))?.status).toBe(403)
    },
  )

  it.each(['http://evil.example', 'http://127.0.0.1:5173', 'http://localhost:4437', 'null', 'nonsense'])(
    'refuses the origin %s',
    async (origin) => {
      const refused = loopback(ask('/v1/chat', { origin }, 'POST'))
      expect(refused?.status).toBe(403)
      expect(refused?.headers.get('access-control-allow-origin')).toBe(null)
      expect(await refused?.json()).toMatchObject({ error: { code: 'bad-origin' } })
    },
  )

  it.each(['capacitor://localhost', 'file://localhost', 'https://localhost:4437'])(
    'refuses the origin %s, which only shares its name',
    (origin) => {
      expect(loopback(ask('/v1/chat', { host: 'localhost', origin }, 'POST'))?.status).toBe(403)
    },
  )

  it('answers its own origin, and programs that send none', () => {
    expect(loopback(ask('/v1/chat', { origin: 'http://127.0.0.1:4437' }, 'POST'))).toBe(null)
    expect(loopback(ask('/v1/chat', { 'sec-fetch-site': 'same-origin' }, 'POST'))).toBe(null)
    expect(loopback(ask('/v1/chat', { 'sec-fetch-site': 'none' }))).toBe(null)
  })

  it.each(['cross-site', 'same-site'])(
    'refuses what a %s page loads or posts, but lets its links open the app',
    (site) => {
      const navigation = { 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
      expect(loopback(ask('/', navigation))).toBe(null)
      expect(loopback(ask('/channel/build', navigation))).toBe(null)
      expect(loopback(ask('/v1/channels', navigation))?.status).toBe(403)
      expect(loopback(ask('/', navigation, 'POST'))?.status).toBe(403)
      expect(loopback(ask('/', { ...navigation, 'sec-fetch-dest': 'iframe' }))?.status).toBe(403)
      expect(loopback(ask('/icon.png', { 'sec-fetch-site': site, 'sec-fetch-mode': 'no-cors' }))?.status).toBe(403)
    },
  )
})

describe('a server on the network', () => {
  const host = 'box.example:4437'

  it('wants the token for the API, and for nothing else', () => {
    expect(guarded(ask('/v1/channels', { host }))?.status).toBe(401)
    expect(guarded(ask('/metrics', { host }))?.status).toBe(401)
    expect(guarded(ask('/', { host }))).toBe(null)
    expect(guarded(ask('/healthz', { host }))).toBe(null)
    expect(guarded(ask('/v1/channels', { host, authorization: 'Bearer secret' }))).toBe(null)
    expect(guarded(ask('/v1/channels', { host, authorization: 'Bearer secret2' }))?.status).toBe(401)
    expect(guarded(ask('/v1/channels', { host, cookie: 'headwater_session=%E0' }))?.status).toBe(401)
    expect(guarded(ask('/v1/channels', { host, cookie: 'headwater_session=secret' }))?.status).toBe(401)
    expect(guarded(ask('/v1/channels', { host, authorization: 'Bearer secret', cookie: 'headwater_session=x' }))).toBe(
      null,
    )
  })

  it('takes a login link: a cookie that scripts and other sites cannot use, and an address without the token', () => {
    const answer = guarded(ask('/?token=secret', { host }))
    expect([answer?.status, answer?.headers.get('location')]).toEqual([303, '/'])
    const cookie = answer?.headers.get('set-cookie') ?? ''
    expect(cookie).toMatch(/^headwater_session=[\w-]{43}; .*HttpOnly; SameSite=Strict$/)
    expect(cookie).not.toContain('secret')
    const session = cookie.split(';', 1)[0] ?? ''
    expect(guarded(ask('/v1/channels', { host, cookie: `a=b; ${session}` }))).toBe(null)
    const asBearer = `Bearer ${session.split('=')[1] ?? ''}`
    expect(guarded(ask('/v1/channels', { host, authorization: asBearer }))?.status).toBe(401)
    expect(guarded(ask('/?token=guess', { host }))?.status).toBe(401)
  })

  it('keeps the cookie to TLS where the request came by it', () => {
    const answer = guarded(ask('/?token=secret', { host, 'x-forwarded-proto': 'https' }))
    expect(answer?.headers.get('set-cookie')).toMatch(/; Secure$/)
  })

  it('still refuses pages of other origins, with the token or without', () => {
    const headers = { host, authorization: 'Bearer secret', origin: 'http://evil.example' }
    expect(guarded(ask('/v1/channels', headers))?.status).toBe(403)
  })
})

describe('a server behind a proxy with a name', () => {
  const named = createGuard({ isLoopback: true, token: AccessToken.of('secret'), hosts: ['streams.example'] })
  const bearer = { authorization: 'Bearer secret' }

  it('answers to that name and to this machine’s, and to no other', () => {
    expect(named(ask('/v1/channels', { ...bearer, host: 'Streams.Example' }))).toBe(null)
    expect(named(ask('/v1/channels', { ...bearer, host: '127.0.0.1:4437' }))).toBe(null)
    expect(named(ask('/v1/channels', { ...bearer, host: 'evil.example' }))?.status).toBe(403)
    expect(named(ask('/v1/channels', { ...bearer, host: 'streams.example.evil.example' }))?.status).toBe(403)
  })

  it('takes pages that the proxy serves by TLS for its own', () => {
    expect(named(ask('/v1/chat', { ...bearer, host: 'streams.example', origin: 'https://streams.example' }))).toBe(null)
  })
})

describe('a server that allows another origin', () => {
  const origins = ['https://app.example']
  const open = createGuard({ isLoopback: false, token: AccessToken.of('secret'), origins })
  const host = 'streams.example'
  const cross = { host, 'sec-fetch-site': 'cross-site' }
  const bearer = { authorization: 'Bearer secret' }

  it('lets its pages in, with the token', () => {
    expect(open(ask('/v1/channels', { ...cross, ...bearer, origin: 'https://app.example' }))).toBe(null)
    expect(open(ask('/v1/channels', { ...cross, origin: 'https://app.example' }))?.status).toBe(401)
  })

  it('lets its preflight pass without the token, and nobody else’s', () => {
    const asks = { ...cross, 'access-control-request-method': 'PUT' }
    expect(open(ask('/v1/stream/a/b', { ...asks, origin: 'https://app.example' }, 'OPTIONS'))).toBe(null)
    expect(open(ask('/v1/stream/a/b', { ...cross, origin: 'https://app.example' }, 'OPTIONS'))?.status).toBe(401)
    expect(open(ask('/v1/stream/a/b', { ...asks, origin: 'https://app.example' }, 'PUT'))?.status).toBe(401)
    expect(open(ask('/v1/stream/a/b', { ...asks, origin: 'https://evil.example' }, 'OPTIONS'))?.status).toBe(403)
  })

  it.each(['https://app.example.evil.example', 'http://app.example', 'https://app.example:8443', 'null'])(
    'does not mistake %s for it',
    (origin) => {
      expect(open(ask('/v1/channels', { ...cross, ...bearer, origin }))?.status).toBe(403)
    },
  )
})

it('takes only addresses of the machine itself for loopback', () => {
  expect(['127.0.0.1', '::1', 'localhost'].map(isLoopbackName)).toEqual([true, true, true])
  expect(['0.0.0.0', '::', '10.0.0.1', ''].map(isLoopbackName)).toEqual([false, false, false, false])
})
