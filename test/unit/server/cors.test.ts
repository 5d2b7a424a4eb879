import { describe, expect, it } from 'vitest'
import { HEADER } from '../../../src/protocol/http.ts'
import { Client } from './client.ts'

const APP = 'https://app.example'
const PREFLIGHT = { 'access-control-request-method': 'PUT', 'access-control-request-headers': 'stream-lease' }

const permissions = (response: Response): string[] =>
  [...response.headers.keys()].filter((name) => name.startsWith('access-control-allow-origin'))

describe('a handler that allows an origin', () => {
  const client = new Client({ cors: [APP] })

  it('answers its preflight, and lets its pages read what streams say in headers', async () => {
    const preflight = await client.send('OPTIONS', '/v1/stream/a/1', { ...PREFLIGHT, origin: APP })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-origin')).toBe(APP)
    expect(preflight.headers.get('access-control-allow-methods')).toContain('PUT')
    const allowed = preflight.headers.get('access-control-allow-headers')?.split(', ')
    expect(allowed).toEqual(expect.arrayContaining(['producer-id', HEADER.lease]))
    await client.create('/v1/stream/a/1')
    const answer = await client.get('/v1/stream/a/1', { origin: APP })
    expect(answer.headers.get('access-control-allow-origin')).toBe(APP)
    expect(answer.headers.get('access-control-expose-headers')).toContain('stream-next-offset')
    expect(answer.headers.get('vary')).toBe('Origin')
  })

  it('lets its pages read a refusal and a live answer too', async () => {
    expect((await client.get('/v1/stream/none/1', { origin: APP })).headers.get('access-control-allow-origin')).toBe(
      APP,
    )
    const live = await client.get('/v1/channels?live=sse', { origin: APP })
    expect(live.headers.get('access-control-allow-origin')).toBe(APP)
    await live.body?.cancel()
  })

  it.each(['https://evil.example', 'https://app.example:8443', 'null'])('allows %s nothing', async (origin) => {
    expect(permissions(await client.send('OPTIONS', '/v1/stream/a/1', { ...PREFLIGHT, origin }))).toEqual([])
    const answer = await client.get('/v1/channels', { origin })
    expect(permissions(answer)).toEqual([])
    // Or a cache could give one page the answer of another.
    expect(answer.headers.get('vary')).toBe('Origin')
  })
})

it('allows nobody anything by default', async () => {
  const client = new Client()
  for (const path of ['/v1/stream/a/1', '/v1/channels', '/v1/chat', '/healthz']) {
    expect(permissions(await client.send('OPTIONS', path, { ...PREFLIGHT, origin: APP }))).toEqual([])
    expect(permissions(await client.get(path, { origin: APP }))).toEqual([])
  }
})
