import { afterEach, describe, expect, it } from 'vitest'
import { createConnectUpstream } from '../../../src/upstream/connect-upstream.ts'
import { START } from '../../../src/protocol/position.ts'
import { readDurableSse } from '../../../src/upstream/durable-sse.ts'
import { Progress } from '../../../src/upstream/progress.ts'
import type { UpstreamFrame } from '../../../src/upstream/upstream.ts'
import { startScriptedServer } from '../../support/scripted-server.ts'
import { bodyFetch, collect, everySplit, request, shown, source } from './collect.ts'
import { startDurableServer, type DurableScript, type DurableServer } from './durable-server.ts'

const connect = createConnectUpstream({ now: () => 7, probeMs: 100 })

const servers: DurableServer[] = []
async function serve(change: Partial<DurableScript> = {}): Promise<DurableServer> {
  const server = await startDurableServer(change)
  servers.push(server)
  return server
}
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

const durable = (url: string) => source({ url, format: 'durable-stream' })
const JSON_TYPE = { contentType: 'application/json' }

describe('a durable stream', () => {
  it('is read to the ending that its closing carries', async () => {
    const server = await serve({
      appends: ['a', 'b'],
      closed: true,
      ending: '{"kind":"error","code":"exit-status","exitCode":3}',
    })
    const got = await collect(connect, request(durable(server.url)))
    expect(got.data.join('')).toBe('ab')
    expect(got.ending).toEqual({ kind: 'error', code: 'exit-status', exitCode: 3 })
    expect(got.frames).toHaveLength(1)
  })

  it('is recognised by its headers', async () => {
    const server = await serve({ appends: ['a'], closed: true })
    const got = await collect(connect, request(source({ url: server.url })))
    expect(got.ending).toEqual({ kind: 'done' })
    expect(got.position).toEqual({ token: '000001', skip: 0 })
    const rest = await collect(
      connect,
      request(source({ url: server.url }), { position: got.position, resuming: true }),
    )
    expect(rest.data).toEqual([])
  })

  it('catches up page by page and then follows by SSE', async () => {
    const server = await serve({ appends: ['a', 'b', 'c'], pageAppends: 2 })
    const steps = [() => server.append('d'), () => server.append('e'), () => server.finish(null)]
    server.script.atTail = () => steps.shift()?.()
    const got = await collect(connect, request(durable(server.url)))
    expect(got.data.join('')).toBe('abcde')
    expect(got.ending).toEqual({ kind: 'done' })
    expect(server.reads).toEqual({ plain: 2, sse: 1, longPoll: 0 })
  })

  it('keeps the boundaries and the text of JSON messages', async () => {
    const messages = ['{"a":[1,{"b":"],\\"}"}]}', '12345678901234567890', '"x\\\\"', '{ "z":1, "a":2 }']
    const server = await serve({ ...JSON_TYPE, appends: messages.slice(0, 2) })
    const steps = [() => server.append(...messages.slice(2)), () => server.finish(null)]
    server.script.atTail = () => steps.shift()?.()
    const got = await collect(connect, request(durable(server.url)))
    expect(got.data).toEqual(messages)
  })

  it('fault 29: gives the same chunks wherever the network splits its events', async () => {
    const text = '"ä€😀"'
    const control = '{"streamNextOffset":"000001","streamClosed":true}'
    const events = `event: data\r\ndata: [${text},2]\r\n\r\nevent: control\r\ndata: ${control}\r\n\r\n`
    for (const pieces of everySplit(events)) {
      const progress = new Progress(START, [], null)
      const body = (async function* () {
        yield* pieces
      })()
      const frames: UpstreamFrame[] = []
      for await (const frame of readDurableSse(body, 'json', progress, { offset: '-1', cursor: null }, () => 7)) {
        frames.push(frame)
      }
      expect(frames).toEqual([
        {
          chunks: [
            { time: 7, data: text },
            { time: 7, data: '2' },
          ],
          position: { token: '000001', skip: 0 },
          verdict: null,
          ending: { kind: 'done' },
        },
      ])
    }
  })

  it('gives no data before the control event that carries its offset', async () => {
    const server = await serve(JSON_TYPE)
    server.script.split = () => [
      'event: data\ndata: ["a"]\n\nevent: control\ndata: {"streamNextOffset":"000001"}\n\n',
      'event: data\ndata: ["b"]\n\n',
    ]
    const closing = new AbortController()
    server.script.atTail = () => closing.abort()
    const got = await collect(connect, request(durable(server.url)), closing.signal)
    expect(got.data).toEqual(['"a"'])
    expect(got.position).toEqual({ token: '000001', skip: 0 })
  })

  it('opens a live read again, unseen, when the server closes it', async () => {
    const server = await serve({ sse: 'closes' })
    let opened = 0
    server.script.split = (text) => {
      opened++
      if (opened < 5) server.append(String(opened))
      else server.script.closed = true
      return [text]
    }
    const got = await collect(connect, request(durable(server.url)))
    expect(got.error).toBeNull()
    expect(got.data.join('')).toBe('1234')
  })

  it.each(['silent', 'not-sse'] as const)('follows by long-poll where SSE is %s', async (sse) => {
    const server = await serve({ appends: ['a'], sse })
    const steps = [() => server.append('b'), () => server.finish('{"kind":"cancelled"}')]
    server.script.atTail = () => steps.shift()?.()
    const got = await collect(connect, request(durable(server.url)))
    expect(got.data.join('')).toBe('ab')
    expect(got.ending).toEqual({ kind: 'cancelled' })
    expect(server.reads.longPoll).toBeGreaterThan(0)
  })

  it('keeps the carriage returns of text, and its characters that two appends share', async () => {
    const bytes = Buffer.from('a\r\nb\r€😀').toString('latin1')
    const server = await serve({ contentType: 'text/plain; charset=utf-8', pageAppends: 1 })
    server.append(...bytes)
    server.finish(null)
    const whole = await collect(connect, request(durable(server.url)))
    expect(whole.data.join('')).toBe('a\r\nb\r€😀')
    // From each place that it gave, the rest follows exactly.
    for (const [at, { position }] of whole.frames.entries()) {
      const rest = await collect(connect, request(durable(server.url), { position, resuming: true }))
      const given = whole.frames.slice(0, at + 1).flatMap((frame) => frame.chunks.map((chunk) => shown(chunk.data)))
      expect([...given, ...rest.data].join('')).toBe('a\r\nb\r€😀')
      expect(rest.frames[0]?.gap).toBeUndefined()
    }
  })

  it('counts a character that came in three reads of two responses to the right one', async () => {
    const bytes = Buffer.from('x😀y')
    const headers = { 'content-type': 'text/plain', 'stream-next-offset': '3' }
    const last = { ...headers, 'stream-next-offset': '6', 'stream-closed': 'true' }
    const fetch: typeof globalThis.fetch = (input, init) => {
      const isFirst = new URL(input as string).searchParams.get('offset') === '-1'
      const rest = isFirst ? [bytes.subarray(0, 3)] : Array.from(bytes.subarray(3), (byte) => Buffer.from([byte]))
      return bodyFetch(rest, isFirst ? headers : last)(input, init)
    }
    const got = await collect(createConnectUpstream({ fetch }), request(durable('http://a.test/')))
    expect(got.frames.map(({ position: { token, skip } }) => ({ token, skip }))).toEqual([
      { token: null, skip: 1 },
      { token: '3', skip: 2 },
      { token: '6', skip: 0 },
    ])
  })

  it('fault 11: goes on behind what retention removed, with a gap', async () => {
    const server = await serve({ appends: ['a', 'b', 'c'], earliest: 2, closed: true })
    const position = { token: '000001', skip: 0 }
    const got = await collect(connect, request(durable(server.url), { position, resuming: true }))
    expect(got.frames[0]?.gap).toBe('retention')
    expect(got.data).toEqual(['c'])
    expect(got.ending).toEqual({ kind: 'done' })
  })

  it('fault 5: a connection that delivered nothing leaves its position where it was', async () => {
    const server = await serve({ appends: ['a'] })
    const closing = new AbortController()
    server.script.atTail = () => closing.abort()
    const position = { token: '000001', skip: 0 }
    const got = await collect(connect, request(durable(server.url), { position, resuming: true }), closing.signal)
    expect(got.error?.code).toBe('aborted')
    expect(got.frames).toEqual([])
  })

  it('says that an address is no durable stream', async () => {
    const server = await startScriptedServer((response) => void response.writeHead(200).end('hello'))
    const got = await collect(connect, request(durable(server.url)))
    await server.close()
    expect(got.error?.code).toBe('bad-response')
  })
})
