import { beforeEach, describe, expect, it } from 'vitest'
import { encodeBody } from '../../../src/client/encode-body.ts'
import { HubChannel } from '../../../src/client/hub-channel.ts'
import { storedSource } from '../../../src/client/stored-source.ts'
import type { Source } from '../../../src/protocol/source.ts'
import { Page } from './scripted-hub.ts'

beforeEach(() => {
  Object.assign(globalThis, { document: { baseURI: 'https://app.test/room/' } })
})

const stored = (given: Source | string): ReturnType<typeof storedSource> => {
  const source = typeof given === 'string' ? { url: given } : given
  return storedSource(source, encodeBody(source.body), {}, false)
}

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

  it('is what it was when it was sent: neither a buffer nor an object is looked at again', () => {
    const bytes = Uint8Array.of(1, 2)
    const object = { text: 'first' }
    const bodies = [encodeBody(bytes), encodeBody(bytes.buffer), encodeBody(object)]
    bytes.fill(9)
    object.text = 'second'
    expect(bodies).toEqual([Uint8Array.of(1, 2), Uint8Array.of(1, 2), '{"text":"first"}'])
  })

  it('holds of a large buffer only the bytes that are sent', () => {
    const { body } = stored({ url: '/a', method: 'POST', body: new Uint8Array(1_000).subarray(0, 2) }).source
    expect((body as Uint8Array).buffer.byteLength).toBe(2)
  })

  it('an empty object is a body, also one of a class', () => {
    expect(stored({ url: '/a', method: 'POST', body: {} }).source.body).toBe('{}')
    expect(
      stored({
        url: '/a',
        method: 'POST',
        body: new (class Ask {
          readonly text?: string
        })(),
      }).source.body,
    ).toBe('{}')
  })

  it.each([
    ['no address', 'http://'],
    ['a script', 'javascript:alert(1)'],
    ['a password', 'https://me:secret@a.test/'],
    ['a circle for a body', { url: '/a', method: 'POST', body: circle() }],
    ['a form for a body', { url: '/a', method: 'POST', body: new URLSearchParams('a=1') }],
    ['a Blob for a body', { url: '/a', method: 'POST', body: new Blob(['a']) }],
    ['a function for a body', { url: '/a', method: 'POST', body: () => 1 }],
    ['a body without a method', { url: '/a', body: { a: 1 } }],
    ['a body with HEAD', { url: '/a', method: 'head', body: '' }],
    ['a bad address to continue at', { url: '/a', resume: 'ftp://a.test/' }],
  ])('%s is refused with `bad-source`, and no secret is repeated', (_, source) => {
    expect(() => stored(source)).toThrow(expect.objectContaining({ code: 'bad-source' }))
    expect(() => stored(source)).not.toThrow(/secret/)
  })
})

it('is sent as it was, whatever becomes of it while a part of the library is loaded', async () => {
  const page = new Page()
  const bytes = Uint8Array.of(1, 2)
  const source: Source = { url: '/a', method: 'POST', body: bytes }
  const sending = channelOf(page).send(source)
  bytes.fill(9)
  source.url = '/b'
  source.body = 'other'
  await sending
  expect(page.hub.starts[0]?.source).toMatchObject({ url: 'https://app.test/a', body: Uint8Array.of(1, 2) })
  page.close()
})

it.each([
  ['a function', { say: () => undefined }],
  ['a circle', circle()],
  ['a big integer', { n: 1n }],
  ['too much', 'x'.repeat(65_536)],
])('meta that is %s is refused with `bad-meta`', async (_, meta) => {
  const page = new Page()
  await expect(channelOf(page).send('/a', { meta })).rejects.toMatchObject({ code: 'bad-meta' })
  page.close()
})

function channelOf({ connection }: Page): HubChannel {
  const host = { connection, givesHeaders: false, keepSecrets: () => undefined, secretsOf: () => undefined }
  return new HubChannel(host, 'c', {})
}

function circle(): object {
  const it: Record<string, unknown> = {}
  it['self'] = it
  return it
}
