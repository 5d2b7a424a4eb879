import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocketServer, type WebSocket } from 'ws'
import { createConnectUpstream } from '../../../src/upstream/connect-upstream.ts'
import { openSocket } from '../../support/socket-network.ts'
import { collect, request, source } from './collect.ts'

let server: WebSocketServer
let url: string
/** What is done with a socket that opens. */
let script: (wire: WebSocket) => void
const connect = createConnectUpstream({ openSocket, now: () => 7 })

beforeEach(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  server.on('connection', (wire) => script(wire))
  await new Promise((resolve) => server.once('listening', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/feed`
})
afterEach(async () => {
  for (const wire of server.clients) wire.terminate()
  await new Promise((resolve) => server.close(resolve))
})

const feed = (change = {}) => source({ url, format: 'websocket', idempotent: false, ...change })

describe('a plain WebSocket', () => {
  it('gives each message as a chunk, text and bytes, up to the one that its dialect calls the end', async () => {
    script = (wire) => {
      wire.send('{"a":1}')
      wire.send(Buffer.from([0, 255]))
      wire.send('bye')
      wire.send('after the end')
    }
    const terminal = [{ data: 'bye', ending: { kind: 'done' as const }, final: true }]
    const got = await collect(connect, request(feed({ terminal })))
    expect(got).toMatchObject({ data: ['{"a":1}', '\0ÿ', 'bye'], ending: { kind: 'done' }, error: null })
    expect(got.head).toMatchObject({ resumable: false })
  })

  it.each<[string, (wire: WebSocket) => void]>([
    ['closes', (wire) => wire.close()],
    ['breaks', (wire) => wire.terminate()],
  ])('that %s has not ended: what came is kept, and the connection is lost', async (_, end) => {
    script = (wire) => {
      wire.send('one', () => end(wire))
    }
    const got = await collect(connect, request(feed()))
    expect(got).toMatchObject({ data: ['one'], ending: undefined, error: { code: 'network' } })
  })

  it('is not opened again for the same stream', async () => {
    let opened = 0
    script = () => void opened++
    const got = await collect(connect, request(feed(), { resuming: true }))
    expect([got.error?.code, opened]).toEqual(['not-resumable', 0])
  })

  it('is refused where its source has headers that a browser cannot send', async () => {
    const got = await collect(connect, request(feed(), { headers: [['authorization', 'Bearer x']] }))
    expect(got.error?.code).toBe('bad-source')
  })

  it('that nobody answers is a lost connection', async () => {
    await new Promise((resolve) => server.close(resolve))
    expect((await collect(connect, request(feed()))).error?.code).toBe('network')
  })

  it('is closed when its reader goes', async () => {
    const closed = new Promise((resolve) => (script = (wire) => wire.on('close', resolve)))
    const leaving = new AbortController()
    const reading = collect(connect, request(feed()), leaving.signal)
    while (server.clients.size === 0) await new Promise((resolve) => setImmediate(resolve))
    leaving.abort()
    await closed
    expect((await reading).error).not.toBeNull()
  })
})
