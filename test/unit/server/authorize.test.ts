import { beforeEach, describe, expect, it } from 'vitest'
import type { AccessRequest, Action } from '../../../src/server/server-context.ts'
import { Client, codeOf } from './client.ts'
import { GatedModel } from './gated-model.ts'

const ACTIONS: readonly Action[] = ['create', 'read', 'append', 'cancel', 'delete']
const CHAT = JSON.stringify({ id: 'chat:1', messages: [{ role: 'user', parts: [{ type: 'text', text: 'hi' }] }] })

/** Every way to do something over HTTP: which permission it takes, and what for. */
const WAYS: readonly (readonly [
  name: string,
  action: Action,
  stream: string,
  ask: (client: Client) => Promise<Response>,
])[] = [
  ['PUT of a stream', 'create', 'build%3Ax/2', (c) => c.create('/v1/stream/build%3Ax/2')],
  ['POST of a chat', 'create', 'chat%3A1', (c) => c.send('POST', '/v1/chat', {}, CHAT)],
  ['GET of a stream', 'read', 'build/1', (c) => c.get('/v1/stream/build/1')],
  ['GET of a stream by long-poll', 'read', 'build/1', (c) => c.get('/v1/stream/build/1?offset=-1&live=long-poll')],
  ['GET of a stream by SSE', 'read', 'build/1', (c) => c.get('/v1/stream/build/1?offset=-1&live=sse')],
  ['HEAD of a stream', 'read', 'build/1', (c) => c.send('HEAD', '/v1/stream/build/1')],
  ['GET of the channels', 'read', '', (c) => c.get('/v1/channels')],
  ['GET of the channels by SSE', 'read', '', (c) => c.get('/v1/channels?live=sse')],
  ['GET of a channel', 'read', 'build', (c) => c.get('/v1/channels/build')],
  ['GET of a channel by SSE', 'read', 'build', (c) => c.get('/v1/channels/build?live=sse')],
  ['GET of a chat’s run', 'read', 'chat%3A1', (c) => c.get('/v1/chat/chat%3A1/stream')],
  ['GET of the figures', 'read', '', (c) => c.get('/metrics')],
  ['POST to a stream', 'append', 'build/1', (c) => c.append('/v1/stream/build/1', 'x')],
  ['closing a stream', 'append', 'build/1', (c) => c.end('/v1/stream/build/1')],
  ['POST of a cancel', 'cancel', 'build', (c) => c.send('POST', '/v1/channels/build/cancel')],
  ['POST of a chat’s cancel', 'cancel', 'chat%3A1', (c) => c.send('POST', '/v1/chat/chat%3A1/cancel')],
  ['DELETE of a stream', 'delete', 'build/1', (c) => c.send('DELETE', '/v1/stream/build/1')],
]

let allowed: (access: AccessRequest) => boolean
let asked: AccessRequest[]
let client: Client

beforeEach(async () => {
  allowed = () => true
  asked = []
  const model = new GatedModel()
  client = new Client({
    models: [model.offered],
    authorize(_, access) {
      asked.push(access)
      return allowed(access)
    },
  })
  await client.create('/v1/stream/build/1')
  await client.append('/v1/stream/build/1', 'text')
  asked = []
})

describe.each(WAYS)('%s', (_, action, stream, ask) => {
  it(`asks whether it may ${action}, and of what`, async () => {
    const answer = await ask(client)
    await answer.body?.cancel()
    expect(asked).toEqual([{ action, stream }])
    expect(answer.status).not.toBe(403)
  })

  it('is refused where that alone is not allowed, and changes nothing', async () => {
    allowed = (access) => access.action !== action
    const answer = await ask(client)
    expect(answer.status).toBe(403)
    allowed = () => true
    expect(await client.store.count()).toBe(1)
    const after = await client.get('/v1/stream/build/1')
    expect([await after.text(), after.headers.get('stream-closed')]).toEqual(['text', null])
  })

  it('is not refused where all else is', async () => {
    allowed = (access) => access.action === action
    const answer = await ask(client)
    await answer.body?.cancel()
    expect(answer.status).not.toBe(403)
  })

  it.each([
    ['throws', () => Promise.reject(new Error('the directory is down'))],
    ['throws at once', () => { throw new Error('bug') }], // prettier-ignore
    ['says no', () => false],
  ])('is refused where what decides %s', async (_, authorize) => {
    const guarded = new Client({ models: [new GatedModel().offered], authorize })
    const answer = await ask(guarded)
    expect(answer.status).toBe(403)
    if (answer.body !== null) expect(await codeOf(answer)).toBe('forbidden')
  })
})

it('a fork needs permission to read its source', async () => {
  allowed = ({ action }) => action !== 'read'
  const headers = { 'content-type': 'text/plain', 'stream-forked-from': '/v1/stream/build/1' }
  expect((await client.send('PUT', '/v1/stream/fork/1', headers)).status).toBe(403)
  expect(asked).toEqual([
    { action: 'create', stream: 'fork/1' },
    { action: 'read', stream: 'build/1' },
  ])
})

it('who may start chats but not read them does not get the run of another one by its key', async () => {
  const headers = { 'idempotency-key': 'one' }
  const first = await client.send('POST', '/v1/chat', headers, CHAT)
  await first.body?.cancel()
  allowed = ({ action }) => action === 'create'
  expect((await client.send('POST', '/v1/chat', headers, CHAT)).status).toBe(403)
})

it('each action has a way to it', () => {
  expect(new Set(WAYS.map(([, action]) => action))).toEqual(new Set(ACTIONS))
})
