import { afterEach, describe, expect, it } from 'vitest'
import { createConnectUpstream } from '../../../src/upstream/connect-upstream.ts'
import {
  cut,
  startScriptedServer,
  writePieces,
  type ScriptedServer,
  type Script,
} from '../../support/scripted-server.ts'
import { bodyFetch, collect, everySplit, request, source } from './collect.ts'

const SSE = { 'content-type': 'text/event-stream' }
const UI = { ...SSE, 'x-vercel-ai-ui-message-stream': 'v1' }
const connect = createConnectUpstream({ now: () => 7 })

const servers: ScriptedServer[] = []
async function serve(script: Script): Promise<ScriptedServer> {
  const server = await startScriptedServer(script)
  servers.push(server)
  return server
}
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

describe('server-sent events', () => {
  it('fault 29: gives the same chunks wherever the network splits CRLFs and characters', async () => {
    const text = 'id: 1\r\nevent: ä\r\ndata: 1 €\r\ndata: 😀\r\n\r\n: beat\r\n\r\ndata: two\r\rdata: [DONE]\n\n'
    const expected = [
      { time: 7, id: '1', event: 'ä', data: '1 €\n😀' },
      { time: 7, data: 'two' },
      { time: 7, data: '[DONE]' },
    ]
    for (const [at, pieces] of everySplit(text).entries()) {
      const got = await collect(
        createConnectUpstream({ fetch: bodyFetch(pieces, SSE), now: () => 7 }),
        request(source({ url: 'http://a.test/' })),
      )
      expect(got.error, `split at ${at + 1}`).toBeNull()
      expect(got.frames.flatMap((frame) => frame.chunks)).toEqual(expected)
      expect(got.ending).toEqual({ kind: 'done' })
    }
  })

  it('gives one frame for what one read brought, and one chunk for each event', async () => {
    const fetch = bodyFetch(['data: a\n\ndata: b\n\ndata: c', '\n\ndata: [DONE]\n\n'], SSE)
    const got = await collect(createConnectUpstream({ fetch }), request(source({ url: 'http://a.test/' })))
    expect(got.frames.map((frame) => frame.chunks.length)).toEqual([2, 2])
  })

  it('fault 1: ends at the terminal event although the server keeps the connection open', async () => {
    const server = await serve((response) => {
      response.writeHead(200, SSE).write('data: a\n\ndata: [DONE]\n\n')
    })
    const got = await collect(connect, request(source({ url: server.url })))
    expect(got.ending).toEqual({ kind: 'done' })
    expect(got.data).toEqual(['a', '[DONE]'])
  })

  it('fault 4: takes a clean end of body without terminal event for a lost connection', async () => {
    const server = await serve((response) => void response.writeHead(200, SSE).end('data: a\n\ndata: cut off'))
    const got = await collect(connect, request(source({ url: server.url })))
    expect(got.error?.code).toBe('network')
    expect(got.ending).toBeUndefined()
    expect(got.data).toEqual(['a'])
  })

  it('fault 4: takes a cut socket for a lost connection', async () => {
    const server = await serve(async (response) => {
      response.writeHead(200, SSE)
      await writePieces(response, ['data: a\n\n'])
      cut(response)
    })
    const got = await collect(connect, request(source({ url: server.url })))
    expect(got.error?.code).toBe('network')
    expect(got.data).toEqual(['a'])
  })

  it('asks for what follows the last id, and for no more', async () => {
    const server = await serve((response, { headers }) => {
      const after = Number(headers['last-event-id'] ?? 0)
      response.writeHead(200, SSE)
      for (let id = after + 1; id <= after + 2; id++) response.write(`id: ${id}\ndata: ${id}\n\n`)
      response.end(after === 2 ? 'event: done\ndata: bye\n\n' : '')
    })
    const first = await collect(connect, request(source({ url: server.url })))
    expect(first.position).toEqual({ token: '2', skip: 0 })
    const second = await collect(
      connect,
      request(source({ url: server.url }), { position: first.position, resuming: true }),
    )
    expect(second.data).toEqual(['3', '4', 'bye'])
    expect(second.ending).toEqual({ kind: 'done' })
  })

  it('fault 2: does not give twice what a replay from the start repeats', async () => {
    const server = await serve((response, _, count) => {
      response.writeHead(200, SSE).end('data: a\n\ndata: b\n\n' + (count > 1 ? 'data: c\n\ndata: [DONE]\n\n' : ''))
    })
    const first = await collect(connect, request(source({ url: server.url })))
    expect(first.position).toMatchObject({ token: null, skip: 2 })
    const second = await collect(
      connect,
      request(source({ url: server.url }), { position: first.position, resuming: true }),
    )
    expect(second.data).toEqual(['c', '[DONE]'])
    expect(second.frames.some((frame) => frame.gap !== undefined)).toBe(false)
  })

  it('drops what follows the last id and was committed already', async () => {
    const server = await serve((response, { headers }) => {
      response.writeHead(200, SSE)
      if (headers['last-event-id'] === undefined) response.write('id: 1\ndata: a\n\n')
      response.end('data: b\n\ndata: c\n\ndata: [DONE]\n\n')
    })
    const all = await collect(connect, request(source({ url: server.url })))
    expect(all.position).toMatchObject({ token: '1', skip: 3 })
    const { hash } = (
      await collect(
        createConnectUpstream({ fetch: bodyFetch(['id: 1\ndata: a\n\ndata: b\n\n'], SSE) }),
        request(source({ url: server.url })),
      )
    ).position
    const position = { token: '1', skip: 1, ...(hash !== undefined && { hash }) }
    const rest = await collect(connect, request(source({ url: server.url }), { position, resuming: true }))
    expect(rest.data).toEqual(['c', '[DONE]'])
    expect(rest.frames[0]?.gap).toBeUndefined()
  })

  it('marks a gap where a replay does not say what was said before', async () => {
    const server = await serve((response, _, count) => {
      response.writeHead(200, SSE).end(count === 1 ? 'data: a\n\n' : 'data: other\n\ndata: b\n\ndata: [DONE]\n\n')
    })
    const { position } = await collect(connect, request(source({ url: server.url })))
    const got = await collect(connect, request(source({ url: server.url }), { position, resuming: true }))
    expect(got.frames[0]).toMatchObject({ gap: 'upstream-changed', chunks: [{ data: 'b' }, { data: '[DONE]' }] })
  })

  it('fault 5: keeps its position through a connection that delivered nothing', async () => {
    const position = { token: '4', skip: 1, hash: 99 }
    const empty = await collect(
      createConnectUpstream({ fetch: bodyFetch([': beat\n\n'], SSE, true) }),
      request(source({ url: 'http://a.test/' }), { position, resuming: true }),
    )
    expect(empty.frames).toEqual([])
    expect(empty.position).toEqual(position)
  })

  it('fault 5: keeps its position where the connection is lost among events that it drops', async () => {
    const first = await collect(
      createConnectUpstream({ fetch: bodyFetch(['data: a\n\ndata: b\n\n'], SSE, true) }),
      request(source({ url: 'http://a.test/' })),
    )
    const second = await collect(
      createConnectUpstream({ fetch: bodyFetch(['data: a\n\n'], SSE, true) }),
      request(source({ url: 'http://a.test/' }), { position: first.position, resuming: true }),
    )
    expect(second.position).toEqual(first.position)
  })

  it('fault 22: is not moved by a heartbeat that carries an id and no data', async () => {
    const got = await collect(
      createConnectUpstream({ fetch: bodyFetch(['id: 3\ndata: a\n\nid: 99\n\nid: 100\n: beat\n\n'], SSE, true) }),
      request(source({ url: 'http://a.test/' })),
    )
    expect(got.position).toEqual({ token: '3', skip: 0 })
  })

  it('takes 204 on a reconnect for the end, and tells an end that was never seen from it', async () => {
    const server = await serve((response) => void response.writeHead(204).end())
    const wanted = { position: { token: '1', skip: 0 }, resuming: true }
    const plain = await collect(connect, request(source({ url: server.url }), { ...wanted, dialect: 'sse' }))
    expect(plain.ending).toEqual({ kind: 'done' })
    const chat = await collect(connect, request(source({ url: server.url }), { ...wanted, dialect: 'ai-sdk' }))
    expect(chat.error?.code).toBe('not-resumable')
  })

  it('keeps an event above the limit out, and what came before it', async () => {
    const huge = 'x'.repeat(1024 * 1024)
    const pieces = ['data: a\n\n', 'data: ', ...Array.from({ length: 17 }, () => huge)]
    const got = await collect(
      createConnectUpstream({ fetch: bodyFetch(pieces, SSE) }),
      request(source({ url: 'http://a.test/' })),
    )
    expect(got.data).toEqual(['a'])
    expect(got.error?.code).toBe('too-large')
  })

  it('survives invalid UTF-8', async () => {
    const bytes = Buffer.concat([
      Buffer.from('data: a'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('b\n\ndata: [DONE]\n\n'),
    ])
    const got = await collect(
      createConnectUpstream({ fetch: bodyFetch([bytes], SSE) }),
      request(source({ url: 'http://a.test/' })),
    )
    expect(got.data[0]).toBe('a\ufffd\ufffdb')
  })
})

describe('an AI SDK stream', () => {
  it('fault 21: remembers an error across a reconnect and ends as failed', async () => {
    const server = await serve((response, _, count) => {
      response.writeHead(200, UI)
      if (count === 1) response.end('id: 1\ndata: {"type":"error","errorText":"no credit"}\n\n')
      else response.end('id: 2\ndata: [DONE]\n\n')
    })
    const first = await collect(connect, request(source({ url: server.url, dialect: 'ai-sdk', terminal: null })))
    // A clean end of body after an error is the end of it.
    expect(first.ending).toEqual({ kind: 'error', code: 'upstream-error' })
    const second = await collect(
      connect,
      request(source({ url: server.url }), {
        position: { token: '1', skip: 0 },
        resuming: true,
        dialect: 'ai-sdk',
        verdict: { ending: { kind: 'error', code: 'upstream-error' }, message: 'no credit' },
      }),
    )
    expect(second.frames.at(-1)).toMatchObject({ ending: { kind: 'error' }, message: 'no credit' })
  })

  it('takes the ending from its own data part', async () => {
    const part = '{"type":"data-ending","data":{"kind":"error","code":"producer-lost"},"transient":true}'
    const got = await collect(
      createConnectUpstream({ fetch: bodyFetch([`data: ${part}\n\ndata: [DONE]\n\n`], UI) }),
      request(source({ url: 'http://a.test/' })),
    )
    expect(got.head?.dialect).toBe('ai-sdk')
    expect(got.ending).toEqual({ kind: 'error', code: 'producer-lost' })
  })
})

describe('a POST', () => {
  const post = (url: string) =>
    source({ url, method: 'POST', body: '{}', headers: [['content-type', 'application/json']] })

  it('names itself by the stream, and learns where to continue and to cancel', async () => {
    const server = await serve((response) => {
      response
        .writeHead(200, {
          ...UI,
          location: '/v1/chat/a/stream?run=1',
          link: '</x>; rel="next", </c?run=1>; rel="cancel"',
        })
        .end('id: 1\ndata: [DONE]\n\n')
    })
    const { head } = await collect(connect, request(post(`${server.url}/v1/chat`)))
    expect(server.requests[0]).toMatchObject({ method: 'POST', body: '{}' })
    expect(server.requests[0]?.headers['idempotency-key']).toBe('stream-1')
    expect(head).toMatchObject({
      resumeUrl: `${server.url}/v1/chat/a/stream?run=1`,
      cancelUrl: `${server.url}/c?run=1`,
      resumable: true,
    })
  })

  it('does not follow addresses to another origin', async () => {
    const server = await serve((response) => {
      response
        .writeHead(200, { ...UI, location: 'http://evil.test/', link: '<//evil.test/>; rel=cancel' })
        .end('data: [DONE]\n\n')
    })
    const { head } = await collect(connect, request(post(server.url)))
    expect(head).toMatchObject({ resumeUrl: null, cancelUrl: null, resumable: false })
  })

  it('fault 6: continues with GET at the address that the response named, never with a second POST', async () => {
    const server = await serve((response) => void response.writeHead(200, UI).end('id: 3\ndata: [DONE]\n\n'))
    const resumeUrl = `${server.url}/resume`
    const resume = { position: { token: '2', skip: 0 }, resuming: true, resumeUrl }
    const got = await collect(connect, request(post(server.url), resume))
    expect(got.ending).toEqual({ kind: 'done' })
    expect(server.requests).toHaveLength(1)
    expect(server.requests[0]).toMatchObject({ method: 'GET', url: '/resume', body: '' })
    expect(server.requests[0]?.headers).toMatchObject({ 'last-event-id': '2' })
  })

  it('is not repeated where no address was named', async () => {
    const server = await serve((response) => void response.writeHead(200, UI).end())
    const got = await collect(connect, request(post(server.url), { resuming: true }))
    expect(got.error?.code).toBe('not-resumable')
    expect(server.requests).toHaveLength(0)
  })
})

describe('a connection', () => {
  it('says what the server refused, and when to come back', async () => {
    const server = await serve((response) => {
      response
        .writeHead(503, { 'content-type': 'application/json', 'retry-after': '3' })
        .end('{"error":{"code":"busy","message":"Try later."}}')
    })
    const { error } = await collect(connect, request(source({ url: `${server.url}/a?key=secret` })))
    expect(error).toMatchObject({ code: 'http', data: { status: 503, retryAfter: 3000 } })
    expect(error?.message).toContain('Try later.')
    expect(error?.message).not.toContain('secret')
  })

  it('says that nobody answers', async () => {
    const server = await serve(() => undefined)
    await server.close()
    const { error } = await collect(connect, request(source({ url: server.url })))
    expect(error?.code).toBe('network')
  })

  it.each(['Load failed', 'Failed to fetch', 'NetworkError when attempting to fetch resource.'])(
    'fault 15: takes what an engine says of a lost network, "%s", for that',
    async (message) => {
      const failing = createConnectUpstream({ fetch: () => Promise.reject(new TypeError(message)), now: () => 0 })
      const { error } = await collect(failing, request(source({ url: 'http://127.0.0.1/a' })))
      expect(error?.code).toBe('network')
    },
  )

  it('closes the socket when its reader leaves', async () => {
    let closed: (() => void) | undefined
    const whenClosed = new Promise<void>((resolve) => (closed = resolve))
    const server = await serve((response) => {
      response.on('close', () => closed?.())
      response.writeHead(200, SSE).write('data: a\n\n')
    })
    const connection = await connect(request(source({ url: server.url })), new AbortController().signal)
    for await (const frame of connection) {
      expect(frame.chunks).toHaveLength(1)
      break
    }
    await whenClosed
  })

  it('ends a waiting read as aborted when the signal says so', async () => {
    const server = await serve((response) => void response.writeHead(200, SSE).write('data: a\n\n'))
    const closing = new AbortController()
    const connection = await connect(request(source({ url: server.url })), closing.signal)
    const frames = connection[Symbol.asyncIterator]()
    await frames.next()
    const pending = frames.next()
    closing.abort()
    await expect(pending).rejects.toMatchObject({ code: 'aborted' })
  })

  it('refuses what is declared as events and is a web page', async () => {
    const server = await serve((response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'))
    const { error } = await collect(connect, request(source({ url: server.url, format: 'sse' })))
    expect(error?.code).toBe('bad-response')
  })
})
