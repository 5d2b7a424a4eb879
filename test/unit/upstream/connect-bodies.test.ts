import { describe, expect, it } from 'vitest'
import { createConnectUpstream } from '../../../src/upstream/connect-upstream.ts'
import { bodyFetch, collect, everySplit, request, source } from './collect.ts'

const NDJSON = { 'content-type': 'application/x-ndjson' }
const TEXT = { 'content-type': 'text/plain' }
const url = 'http://a.test/log'

const read = (
  pieces: readonly (string | Uint8Array)[],
  headers: Record<string, string>,
  change: Parameters<typeof request>[1] & { cutOff?: boolean } = {},
) => {
  const { cutOff = false, ...rest } = change
  return collect(
    createConnectUpstream({ fetch: bodyFetch(pieces, headers, cutOff), now: () => 7 }),
    request(source({ url }), rest),
  )
}

describe('NDJSON', () => {
  it('fault 29: gives the same lines wherever the network splits them', async () => {
    for (const pieces of everySplit('{"a":"€"}\r\n\n {"b":"😀"}\n3')) {
      const got = await read(pieces, NDJSON)
      expect(got.data).toEqual(['{"a":"€"}', ' {"b":"😀"}', '3'])
      expect(got.ending).toEqual({ kind: 'done' })
    }
  })

  it('takes no line that was cut off for a message', async () => {
    const clean = await read(['{"a":1}\n{"b":'], NDJSON)
    expect(clean.data).toEqual(['{"a":1}'])
    expect(clean.error?.code).toBe('network')
    const cut = await read(['{"a":1}\n', '{"b":2}'], NDJSON, { cutOff: true })
    expect(cut.data).toEqual(['{"a":1}'])
    expect(cut.error?.code).toBe('network')
  })

  it('refuses a line that is no JSON and keeps what came before', async () => {
    const got = await read(['1\n2\noops\n4\n'], NDJSON)
    expect(got.data).toEqual(['1', '2'])
    expect(got.error?.code).toBe('bad-response')
  })

  it('goes on after the lines that are committed', async () => {
    const first = await read(['1\n2\n3'], NDJSON, { cutOff: true })
    expect(first.position).toMatchObject({ token: null, skip: 2 })
    const rest = await read(['1\n', '2\n3\n'], NDJSON, { position: first.position, resuming: true })
    expect(rest.data).toEqual(['3'])
    expect(rest.frames[0]?.gap).toBeUndefined()
  })

  it('ends where its dialect says so', async () => {
    const got = await read(['{"response":"a"}\n{"done":true}\n{"more":1}\n'], NDJSON, { dialect: 'ollama' })
    expect(got.data).toHaveLength(2)
    expect(got.ending).toEqual({ kind: 'done' })
    const early = await read(['{"response":"a"}\n'], NDJSON, { dialect: 'ollama' })
    expect(early.error?.code).toBe('network')
  })
})

describe('text', () => {
  const whole = '\ufeffa€\r\n😀b'

  it('fault 29: gives whole characters wherever the network splits them, and goes on from each place', async () => {
    for (const pieces of everySplit(whole)) {
      const got = await read(pieces, TEXT)
      expect(got.data.join('')).toBe(whole)
      expect(got.data.some((data) => data.includes('\ufffd'))).toBe(false)
      const { position } = await read(pieces.slice(0, 1), TEXT, { cutOff: true })
      const rest = await read([whole], TEXT, { position, resuming: true })
      expect(rest.frames[0]?.gap).toBeUndefined()
      const given = Buffer.from(whole).subarray(0, position.skip).toString()
      expect(given + rest.data.join('')).toBe(whole)
    }
  })

  it('survives bytes that are no UTF-8', async () => {
    const got = await read([Buffer.from([0x61, 0xff, 0xc3]), Buffer.from([0x62, 0xe2, 0x82])], TEXT)
    expect(got.data.join('')).toBe('a\ufffd\ufffdb\ufffd')
  })

  it('marks a gap where the text became another one, or a shorter one', async () => {
    const { position } = await read(['abc'], TEXT, { cutOff: true })
    const other = await read(['xyz!'], TEXT, { position, resuming: true })
    expect(other.frames[0]).toMatchObject({ gap: 'upstream-changed', chunks: [{ data: '!' }] })
    const shorter = await read(['ab'], TEXT, { position, resuming: true })
    expect(shorter.frames.at(-1)).toMatchObject({ gap: 'upstream-changed', ending: { kind: 'done' } })
  })
})

describe('bytes', () => {
  const BINARY = { 'content-type': 'image/png' }

  it('gives bytes as they are, and the end of the body is the end', async () => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i)
    const got = await read([all.subarray(0, 100), all.subarray(100)], BINARY)
    expect(got.data.join('')).toBe(Buffer.from(all).toString('latin1'))
    expect(got.ending).toEqual({ kind: 'done' })
  })

  it('goes on in the middle of what a read brings', async () => {
    const { position } = await read(['abc'], BINARY, { cutOff: true })
    const rest = await read(['ab', 'cdef'], BINARY, { position, resuming: true })
    expect(rest.data).toEqual(['def'])
    expect(rest.position).toMatchObject({ skip: 6 })
  })
})
