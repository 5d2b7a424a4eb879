import { EventSourceParserStream } from 'eventsource-parser/stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Refusal } from '../../../src/server/answers.ts'
import { readChatBody } from '../../../src/server/chat/chat-body.ts'
import { parseReadRequest } from '../../../src/server/durable-streams/read-request.ts'
import {
  readEnding,
  readExpiry,
  readFork,
  readLease,
  readProducer,
  readStreamSeq,
} from '../../../src/server/durable-streams/request-headers.ts'
import { createStreamHandler } from '../../../src/server/handler.ts'
import { decodeOffset, encodeOffset } from '../../../src/server/offsets.ts'
import { splitJsonMessages } from '../../../src/server/split-json.ts'
import { sseEvent } from '../../../src/server/sse-response.ts'
import { parseStreamPath, streamPath } from '../../../src/server/stream-path.ts'
import { MemoryStreamStore } from '../../../src/server/stores/memory.ts'
import { fuzzBudget, fuzzTimeout } from '../../support/fuzz-budget.ts'

const RUNS = 200
const ORIGIN = 'http://127.0.0.1'
const text = fc.string({ unit: 'binary', maxLength: 40 })
// Bytes of a header as they come from a socket; the platform refuses the rest before any of ours sees it.
const headerText = fc.oneof(
  fc.string({ unit: 'grapheme-ascii', maxLength: 30 }),
  fc.integer().map(String),
  fc.constantFrom('', '0', '-1', '00', '1e9', '9007199254740993', 'true', 'TRUE', '{}', 'null', '{"kind":"done"}'),
  fc.constantFrom(
    '{"kind":"error","code":"\\u0000"}',
    '[',
    '2026-13-45T99:99:99Z',
    '0000000000000000_0000000000000000',
  ),
)
const HEADERS = [
  'content-type', 'content-length', 'stream-ttl', 'stream-expires-at', 'stream-closed', 'stream-ending', 'stream-seq', 'stream-lease',
  'producer-id', 'producer-epoch', 'producer-seq', 'stream-forked-from', 'stream-fork-offset', 'stream-fork-sub-offset',
  'if-none-match', 'last-event-id', 'idempotency-key', 'accept',
] as const // prettier-ignore
const headers = fc.dictionary(fc.constantFrom(...HEADERS), headerText, { maxKeys: 6, noNullPrototype: true })

const toHeaders = (given: Record<string, string>): Headers | null => {
  try {
    return new Headers(given)
  } catch {
    return null
  }
}

/** Gives a value, or refuses with a status of the client's. Anything else is a bug. */
function isOrderly(parse: () => unknown): boolean {
  try {
    parse()
    return true
  } catch (error) {
    if (error instanceof Refusal && error.status >= 400 && error.status < 500) return false
    throw error
  }
}

describe('whatever a request says', () => {
  it(
    'a path is a name, or refused; and a name comes back from its path',
    () => {
      fc.assert(
        fc.property(
          fc.oneof(text, fc.webPath(), fc.string({ unit: fc.constantFrom('/', '%', '2', 'F', '.', 'a', '0') })),
          (path) => {
            isOrderly(() => {
              const name = parseStreamPath(`/v1/stream/${path}`)
              expect(parseStreamPath(streamPath(name))).toEqual(name)
            })
          },
        ),
        fuzzBudget(RUNS),
      )
    },
    fuzzTimeout(RUNS),
  )

  it(
    'headers and queries are understood, or refused',
    () => {
      fc.assert(
        fc.property(headers, fc.webQueryParameters(), headerText, (given, query, offset) => {
          const all = toHeaders(given)
          if (all === null) return
          const parsers = [readEnding, readExpiry, readFork, readLease, readProducer, readStreamSeq]
          for (const parse of parsers) isOrderly(() => parse(all))
          for (const live of ['', '&live=sse', '&live=long-poll']) {
            const url = new URL(`${ORIGIN}/?${query}&offset=${encodeURIComponent(offset)}${live}`)
            isOrderly(() => parseReadRequest(url, all))
          }
          const place = decodeOffset(offset)
          if (place !== null) expect(encodeOffset(place)).toBe(offset)
        }),
        fuzzBudget(RUNS),
      )
    },
    fuzzTimeout(RUNS),
  )

  it(
    'a JSON body is its messages, or refused',
    () => {
      fc.assert(
        fc.property(
          fc.array(fc.jsonValue({ stringUnit: 'binary' })),
          fc.constantFrom('', ' ', '\r\n\t'),
          (values, space) => {
            const body = `${space}[${values.map((value) => space + JSON.stringify(value) + space).join(',')}]${space}`
            const messages = splitJsonMessages(new TextEncoder().encode(body))
            expect(messages.map((message) => JSON.parse(new TextDecoder().decode(message)) as unknown)).toEqual(
              JSON.parse(body),
            )
          },
        ),
        fuzzBudget(RUNS),
      )
      const broken = fc.oneof(
        fc.uint8Array({ maxLength: 60 }),
        fc.string({ unit: fc.constantFrom(...'[]{},":\\ \u00001ae') }).map((body) => new TextEncoder().encode(body)),
      )
      fc.assert(
        fc.property(broken, (body) => void isOrderly(() => splitJsonMessages(body))),
        fuzzBudget(RUNS),
      )
    },
    fuzzTimeout(2 * RUNS),
  )

  it(
    'a chat body is a chat, or refused',
    async () => {
      const part = fc.oneof(fc.record({ type: fc.oneof(text, fc.constant('text')), text }), fc.jsonValue())
      const message = fc.oneof(
        fc.record({
          id: text,
          role: fc.constantFrom('user', 'assistant', 'x'),
          parts: fc.array(part, { maxLength: 3 }),
        }),
        fc.jsonValue(),
      )
      const chat = fc
        .record({ id: text, messages: fc.array(message, { maxLength: 3 }) })
        .map((value) => JSON.stringify(value))
      await fc.assert(
        fc.asyncProperty(fc.oneof(chat, text, fc.json()), async (body) => {
          const request = new Request(ORIGIN, { method: 'POST', body })
          await readChatBody(request).catch((error: unknown) => {
            if (!(error instanceof Refusal) || error.status < 400 || error.status >= 500) throw error
          })
        }),
        fuzzBudget(RUNS),
      )
    },
    fuzzTimeout(RUNS),
  )

  it(
    'the server answers, and never with a fault of its own',
    async () => {
      const failures: unknown[] = []
      let time = 0
      const handler = createStreamHandler({
        store: new MemoryStreamStore({ now: () => time }),
        longPollMs: 1,
        heartbeatMs: 1,
        sseLifeMs: 1,
        // Nobody waits: a live read is over as soon as it began.
        now: () => (time += 10),
        onError: (error) => failures.push(error),
      })
      const path = fc.oneof(
        fc.constantFrom(
          '/v1/stream/a/1',
          '/v1/stream/a/1',
          '/v1/stream/b/2',
          '/v1/chat',
          '/v1/chat/a/stream',
          '/v1/channels',
          '/v1/channels/a',
        ),
        fc.constantFrom(
          '/v1/channels/a/cancel',
          '/v1/chat/a/cancel',
          '/v1/models',
          '/v1/ws',
          '/healthz',
          '/metrics',
          '/v1/stream/',
        ),
        fc.webPath(),
      )
      const query = fc.oneof(
        fc.constantFrom(
          '',
          'offset=-1',
          'offset=now',
          'live=long-poll&offset=-1',
          'live=sse&offset=-1',
          'live=sse&offset=now',
        ),
        fc.webQueryParameters(),
      )
      const method = fc.constantFrom('GET', 'GET', 'HEAD', 'PUT', 'POST', 'POST', 'DELETE', 'OPTIONS', 'PATCH')
      const body = fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        fc.json().map((json) => new TextEncoder().encode(json)),
      )
      const type = fc.constantFrom('text/plain', 'application/json', 'application/octet-stream')
      await fc.assert(
        fc.asyncProperty(method, path, query, headers, type, body, async (method, path, query, given, type, bytes) => {
          const all = toHeaders({ 'content-type': type, ...given })
          if (all === null || !URL.canParse(`${ORIGIN}${path}?${query}`)) return
          const hasBody = method === 'PUT' || method === 'POST' || method === 'PATCH'
          const init = { method, headers: all, ...(hasBody && { body: bytes }) }
          const answer = await handler.fetch(new Request(`${ORIGIN}${path}?${query}`, init))
          expect([200, 201, 204, 304, 400, 404, 405, 409, 410, 413, 415, 403, 426]).toContain(answer.status)
          // A feed of channels goes on until nobody reads.
          if (path.startsWith('/v1/channels') && query.includes('live=')) await answer.body?.cancel()
          else await answer.arrayBuffer()
        }),
        fuzzBudget(RUNS),
      )
      expect(failures).toEqual([])
      await handler.close()
    },
    fuzzTimeout(RUNS),
  )
})

describe('whatever an event holds', () => {
  /** The format has one line end: this is how a reader sees all three. */
  const asRead = (data: string): string => data.replace(/\r\n|\r/g, '\n')

  it(
    'it is one event, with that data, however the bytes are cut on the way',
    async () => {
      // Well-formed: what a decoder of UTF-8 gives.
      const data = fc.oneof(
        fc.string({ unit: 'grapheme', maxLength: 30 }),
        fc.string({ unit: fc.constantFrom('\r', '\n', ' ', ':', 'data', 'id', '\u0000', '\ufeff', 'é', '😀') }),
      )
      await fc.assert(
        fc.asyncProperty(
          fc.array(data, { minLength: 1, maxLength: 4 }),
          fc.infiniteStream(fc.integer({ min: 1, max: 7 })),
          async (all, sizes) => {
            const bytes = new TextEncoder().encode(
              all.map((each, i) => sseEvent({ event: 'data', data: each, id: String(i) })).join(''),
            )
            const cuts = new ReadableStream<BufferSource>({
              start(controller) {
                for (let at = 0; at < bytes.byteLength;) {
                  const size = sizes.next().value ?? 1
                  controller.enqueue(bytes.slice(at, at + size))
                  at += size
                }
                controller.close()
              },
            })
            const seen: unknown[] = []
            for await (const { event, data: got, id } of cuts
              .pipeThrough(new TextDecoderStream())
              .pipeThrough(new EventSourceParserStream())) {
              seen.push([event, got, id])
            }
            expect(seen).toEqual(all.map((each, i) => ['data', asRead(each), String(i)]))
          },
        ),
        fuzzBudget(RUNS),
      )
    },
    fuzzTimeout(RUNS),
  )
})
