import { beforeEach, describe, expect, it } from 'vitest'
import { encodeBody } from '../../../src/client/encode-body.ts'
import { HubChannel } from '../../../src/client/hub-channel.ts'
import { storedSource } from '../../../src/client/stored-source.ts'
import type { Source } from '../../../src/protocol/source.ts'
import { Page } from './scripted-hub.ts'

beforeEach(() => {
  Object.assign(globalThis, { document: { baseURI: 'https://app.test/room/' } })
})

const stored = (source: Source | string): ReturnType<typeof storedSource> =>
  storedSource(source, encodeBody(typeof source === 'string' ? null : source.body), {}, false)

describe('a source, as it is stored', () => {
  it('has absolute addresses and the defaults', () => {
    expect(stored('log').source).toEqual({
      url: 'https://app.test/room/log',
      method: 'GET',
      headers: [],
      body: null,
      format: 'auto',
      dialect: null,
      terminal: null,
      resume: null,
      cancel: null,
      idempotent: true,
      retries: 3,
      credentials: false,
    })
  })

  it('keeps secrets apart: only accept and content-type are stored', () => {
    const { source, secrets } = stored({
      url: '/chat',
      method: 'post',
      headers: { Authorization: 'Bearer 1', Accept: 'text/plain', 'X-Any': '2' },
      body: { a: 1 },
    })
    expect(source).toMatchObject({
      method: 'POST',
      idempotent: false,
      credentials: true,
      body: '{"a":1}',
      headers: [
        ['accept', 'text/plain'],
        ['content-type', 'application/json'],
      ],
    })
    expect(secrets).toEqual([
      ['authorization', 'Bearer 1'],
      ['x-any', '2'],
    ])
  })

  it('takes bytes as they are, also from the middle of a buffer', () => {
    const bytes = Uint8Array.of(1, 2, 3, 4)
    expect(stored({ url: '/a', method: 'POST', body: bytes.subarray(1, 3) }).source.body).toEqual(Uint8Array.of(2, 3))
    expect(stored({ url: '/a', method: 'POST', body: bytes.buffer }).source.body).toEqual(bytes)
  })

  it.each([
    ['no address', 'http://'],
    ['a script', 'javascript:alert(1)'],
    ['a password', 'https://me:secret@a.test/'],
    ['a circle for a body', { url: '/a', method: 'POST', body: circle() }],
    ['a bad address to continue at', { url: '/a', resume: 'ftp://a.test/' }],
  ])('%s is refused with `bad-source`, and no secret is repeated', (_, source) => {
    expect(() => stored(source)).toThrow(expect.objectContaining({ code: 'bad-source' }))
    expect(() => stored(source)).not.toThrow(/secret/)
  })
})

it.each([
  ['a function', { say: () => undefined }],
  ['a circle', circle()],
  ['a big integer', { n: 1n }],
  ['too much', 'x'.repeat(65_536)],
])('meta that is %s is refused with `bad-meta`', async (_, meta) => {
  const page = new Page()
  const host = {
    connection: page.connection,
    givesHeaders: false,
    keepSecrets: () => undefined,
    secretsOf: () => undefined,
  }
  const channel = new HubChannel(host, 'c', {})
  await expect(channel.send('/a', { meta })).rejects.toMatchObject({ code: 'bad-meta' })
  page.close()
})

function circle(): object {
  const it: Record<string, unknown> = {}
  it['self'] = it
  return it
}
