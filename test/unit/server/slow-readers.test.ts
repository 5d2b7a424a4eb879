import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Server, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { createParser } from 'eventsource-parser'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createAnswerer } from '../../../src/server/handler.ts'
import type { Answerer } from '../../../src/server/handler.ts'
import { SSE_PAGE_BYTES } from '../../../src/server/limits.ts'
import { listenWith } from '../../../src/server/node-answer.ts'
import { toResponse } from '../../../src/server/plain-answer.ts'
import { MemoryStreamStore } from '../../../src/server/stores/memory.ts'
import { SseClient } from './sse-client.ts'

const STALL_MS = 5000
const name = { channel: 'build', run: '7' }
const PATH = '/v1/stream/build/7'
const LINE = 'x'.repeat(32 * 1024)
/** More than the system takes for a socket that nobody reads. */
const LINES = 450

let time = 0
let store: MemoryStreamStore
let answerer: Answerer
let server: Server
let url: string
const responses: ServerResponse[] = []

beforeEach(async () => {
  time = 0
  store = new MemoryStreamStore()
  answerer = createAnswerer({ store, now: () => time, stallMs: STALL_MS, heartbeatMs: 20, sseLifeMs: 1e9 })
  server = createServer(listenWith(answerer.answer))
  server.on('request', (_, response: ServerResponse) => responses.push(response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await store.create(name, { contentType: 'text/plain' })
})
afterEach(async () => {
  await answerer.close()
  server.closeAllConnections()
  server.close()
  responses.length = 0
})

const append = (text: string): Promise<unknown> =>
  store.append(name, { contentType: 'text/plain', records: [Buffer.from(text)] })

async function appendLines(): Promise<void> {
  for (let i = 0; i < LINES; i++) {
    await append(`${i}:${LINE}\n`)
    // A turn of the event loop, so that sockets are written to.
    if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
}

/** A reader by a bare socket, which reads when it is told to. */
class RawReader {
  readonly socket = connect(Number(new URL(url).port), '127.0.0.1')
  readonly closed = once(this.socket, 'close')
  text = ''
  lastId = ''
  #raw = ''
  readonly #parser = createParser({
    onEvent: ({ event, data, id }) => {
      if (event === 'data') this.text += data
      this.lastId = id ?? this.lastId
    },
  })

  async open(): Promise<void> {
    this.socket.on('error', () => undefined)
    this.socket.setEncoding('latin1')
    this.socket.on('data', (part: string) => this.#hear(part))
    this.socket.write(`GET ${PATH}?offset=-1&live=sse HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`)
    await expect.poll(() => this.lastId).not.toBe('')
  }

  #hear(part: string): void {
    this.#raw += part
    if (this.#raw.startsWith('HTTP/')) {
      const end = this.#raw.indexOf('\r\n\r\n')
      if (end < 0) return
      this.#raw = this.#raw.slice(end + 4)
    }
    for (;;) {
      const end = this.#raw.indexOf('\r\n')
      const size = Number.parseInt(this.#raw.slice(0, end), 16)
      if (end < 0 || Number.isNaN(size) || this.#raw.length < end + 2 + size + 2) return
      this.#parser.feed(this.#raw.slice(end + 2, end + 2 + size))
      this.#raw = this.#raw.slice(end + 2 + size + 2)
    }
  }
}

/** What the first reader's response holds back on the server. */
const heldBack = (): number => responses[0]?.writableLength ?? 0

describe('a reader by SSE that stops reading', { timeout: 60_000 }, () => {
  it('costs the server a page, delays nobody, is cut, and goes on from its offset with nothing lost', async () => {
    const slow = new RawReader()
    await slow.open()
    slow.socket.pause()
    const quick = new SseClient(await fetch(`${url}${PATH}?offset=-1&live=sse`))
    let most = 0
    const writing = appendLines()
    let got = ''
    while (got.length < LINES * (LINE.length + 2)) {
      const event = await quick.next()
      if (event === null) break
      if (event.event === 'data') got += event.data
      most = Math.max(most, heldBack())
    }
    await writing
    const whole = Array.from({ length: LINES }, (_, i) => `${i}:${LINE}\n`).join('')
    expect(got).toBe(whole)
    expect(heldBack()).toBeGreaterThan(0)
    expect(most).toBeLessThan(2 * SSE_PAGE_BYTES)

    time += STALL_MS
    await expect.poll(() => responses[0]?.destroyed).toBe(true)
    slow.socket.resume()
    await slow.closed
    expect(whole.startsWith(slow.text)).toBe(true)
    expect(slow.text.length).toBeLessThan(whole.length)
    const again = new SseClient(
      await fetch(`${url}${PATH}?offset=-1&live=sse`, { headers: { 'last-event-id': slow.lastId } }),
    )
    let text = slow.text
    while (text.length < whole.length) {
      const event = await again.next()
      if (event?.event === 'data') text += event.data
    }
    expect(text).toBe(whole)
    await Promise.all([again.close(), quick.close()])
  })

  it('gets everything when it reads again in time', async () => {
    const slow = new RawReader()
    await slow.open()
    slow.socket.pause()
    await appendLines()
    await expect.poll(heldBack).toBeGreaterThan(0)
    time += STALL_MS - 1
    slow.socket.resume()
    const length = Array.from({ length: LINES }, (_, i) => `${i}:`.length + LINE.length + 1).reduce((a, b) => a + b)
    await expect.poll(() => slow.text.length, { timeout: 20_000 }).toBe(length)
    await append('and on')
    await expect.poll(() => slow.text.endsWith('and on')).toBe(true)
    slow.socket.destroy()
  })

  it('is cut in any runtime: its body ends with an error', async () => {
    const gone = new AbortController()
    const answer = await answerer.answer(new Request(`${url}${PATH}?offset=-1&live=sse`))
    const reader = toResponse(answer, gone.signal).body?.getReader()
    await reader?.read()
    for (let i = 0; i < 100; i++) await append(LINE)
    const readers = async (): Promise<string> => {
      const metrics = toResponse(await answerer.answer(new Request(`${url}/metrics`)), gone.signal)
      return /^headwater_readers (\d+)$/m.exec(await metrics.text())?.[1] ?? ''
    }
    expect(await readers()).toBe('1')
    time += STALL_MS
    await expect.poll(readers).toBe('0')
    await expect(reader?.read()).rejects.toThrow(/cut/)
  })
})
