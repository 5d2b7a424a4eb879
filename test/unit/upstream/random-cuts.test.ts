import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Ending } from '../../../src/protocol/chunk.ts'
import { START, type Position } from '../../../src/protocol/position.ts'
import type { StoredSource } from '../../../src/protocol/source.ts'
import { createConnectUpstream } from '../../../src/upstream/connect-upstream.ts'
import { bodyFetch, collect, request, source } from './collect.ts'

/** Bytes cut into pieces of these sizes, over and over, and the connection cut off after so many bytes. */
function broken(
  text: string | Uint8Array,
  sizes: readonly number[],
  cutAfter: number,
  headers: Record<string, string>,
) {
  const all = typeof text === 'string' ? Buffer.from(text) : text
  const cut = cutAfter < all.length
  const pieces: Uint8Array[] = []
  for (let at = 0, i = 0; at < Math.min(cutAfter, all.length); i++) {
    const end = Math.min(at + (sizes[i % sizes.length] ?? 1), cutAfter, all.length)
    pieces.push(all.subarray(at, end))
    at = end
  }
  return bodyFetch(pieces, headers, cut)
}

interface Format {
  source: Partial<StoredSource>
  /** Answers one request. */
  answer: (
    messages: readonly string[],
    url: URL,
    headers: Headers,
  ) => { body: string | Uint8Array; headers: Record<string, string> }
  /** What the chunks add up to. */
  shown: (data: readonly string[]) => string
  expected: (messages: readonly string[]) => string
}

const SSE = { 'content-type': 'text/event-stream' }
const joined = (messages: readonly string[]): string => messages.join('|')

/** A page of a durable stream, whose appends are these bytes. */
function page(appends: readonly Buffer[], url: URL, type: string, join: (some: readonly Buffer[]) => Uint8Array) {
  const asked = url.searchParams.get('offset') ?? '-1'
  const from = asked === '-1' ? 0 : Number(asked)
  const to = Math.min(from + 3, appends.length)
  return {
    body: join(appends.slice(from, to)),
    headers: {
      'content-type': type,
      'stream-next-offset': String(to).padStart(5, '0'),
      ...(to === appends.length && { 'stream-up-to-date': 'true', 'stream-closed': 'true' }),
    },
  }
}

const bytesOf = (messages: readonly string[]): Buffer[] =>
  // Appends of one byte: most characters are shared by several.
  Array.from(Buffer.from(joined(messages)), (byte) => Buffer.from([byte]))

const FORMATS: Record<string, Format> = {
  'events with ids': {
    source: {},
    answer: (messages, _, headers) => {
      const after = Number(headers.get('last-event-id') ?? 0)
      const events = messages.map((message, i) => `id: ${i + 1}\r\ndata: ${message}\r\n\r\n`).slice(after)
      return { body: events.join('') + 'event: done\ndata: .\n\n', headers: SSE }
    },
    shown: (data) => joined(data.slice(0, -1)),
    expected: joined,
  },
  'events of which each third has an id': {
    source: {},
    answer: (messages, _, headers) => {
      const after = Number(headers.get('last-event-id') ?? 0)
      const events = messages.map((message, i) => `${i % 3 === 0 ? `id: ${i + 1}\n` : ''}data: ${message}\n\n`)
      return { body: events.slice(after).join('') + 'event: done\ndata: .\n\n', headers: SSE }
    },
    shown: (data) => joined(data.slice(0, -1)),
    expected: joined,
  },
  'events without ids': {
    source: {},
    answer: (messages) => ({ body: messages.map((m) => `data: ${m}\n\n`).join('') + 'data: [DONE]\n\n', headers: SSE }),
    shown: (data) => joined(data.slice(0, -1)),
    expected: joined,
  },
  NDJSON: {
    source: {},
    answer: (messages) => ({
      body: messages.map((message) => JSON.stringify(message)).join('\n'),
      headers: { 'content-type': 'application/x-ndjson' },
    }),
    shown: (data) => joined(data.map((line) => JSON.parse(line) as string)),
    expected: joined,
  },
  text: {
    source: {},
    answer: (messages) => ({ body: joined(messages), headers: { 'content-type': 'text/plain' } }),
    shown: (data) => data.join(''),
    expected: joined,
  },
  'a durable stream of JSON': {
    source: { format: 'durable-stream' },
    answer: (messages, url) =>
      page(
        messages.map((message) => Buffer.from(JSON.stringify(message))),
        url,
        'application/json',
        (some) => Buffer.from(`[${some.join(', ')}]`),
      ),
    shown: (data) => joined(data.map((message) => JSON.parse(message) as string)),
    expected: joined,
  },
  'a durable stream of text': {
    source: { format: 'durable-stream' },
    answer: (messages, url) => page(bytesOf(messages), url, 'text/plain', (some) => Buffer.concat(some)),
    shown: (data) => data.join(''),
    expected: joined,
  },
  'a durable stream of bytes': {
    source: { format: 'durable-stream' },
    answer: (messages, url) => page(bytesOf(messages), url, 'image/png', (some) => Buffer.concat(some)),
    shown: (data) => Buffer.from(data.join(''), 'latin1').toString(),
    expected: joined,
  },
}

const messages = fc.array(
  fc.stringMatching(/^[a-zé€😀"\\[\]{}, ]{1,8}$/u).map((text) => `x${text}`),
  { maxLength: 12 },
)

it.each(Object.entries(FORMATS))(
  'faults 2 and 5: %s: all of it, in order and once, however often the connection is cut',
  async (_, format) => {
    // fast-check prints seed and path of a failure.
    await fc.assert(
      fc.asyncProperty(
        messages,
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(120), { maxLength: 12 }),
        async (sent, sizes, cuts) => {
          let position: Position = START
          let ending: Ending | undefined
          const data: string[] = []
          const wanted = source({ url: 'http://a.test/', ...format.source })
          for (let tries = 0; ending === undefined; tries++) {
            // A budget of bytes for each connection; after the last one nothing is cut any more.
            let budget = cuts[tries] ?? Infinity
            const fetch: typeof globalThis.fetch = (input, init) => {
              const { body, headers } = format.answer(sent, new URL(input as string), new Headers(init?.headers))
              const allowed = budget
              budget -= body.length
              return broken(body, sizes, Math.max(0, allowed), headers)(input, init)
            }
            const got = await collect(
              createConnectUpstream({ fetch }),
              request(wanted, { position, resuming: tries > 0 }),
            )
            if (got.error !== null) expect(got.error.code).toBe('network')
            expect(got.frames.some((frame) => frame.gap !== undefined)).toBe(false)
            data.push(...got.data)
            position = got.position
            ending = got.ending
          }
          expect(ending).toEqual({ kind: 'done' })
          expect(format.shown(data)).toBe(format.expected(sent))
        },
      ),
      { numRuns: 150 },
    )
  },
)
