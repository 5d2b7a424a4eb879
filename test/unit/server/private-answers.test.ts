import { describe, expect, it } from 'vitest'
import { Client } from './client.ts'
import { GatedModel } from './gated-model.ts'

/** Whether a shared cache must not keep an answer (RFC 9111, 3 and 5.2.2). */
function isPrivate(response: Response): boolean {
  const directives = (response.headers.get('cache-control') ?? '').split(/,\s*/)
  return directives.includes('private') || directives.includes('no-store')
}

describe('fault 24: a shared cache keeps nothing of a private stream', () => {
  const client = new Client({ models: [new GatedModel().offered], longPollMs: 1 })
  const chat = JSON.stringify({ id: 'c', messages: [{ role: 'user', parts: [{ type: 'text', text: 'hi' }] }] })

  it.each([
    ['a page', '/v1/stream/s/1'],
    ['a page from the start', '/v1/stream/s/1?offset=-1'],
    ['the tail', '/v1/stream/s/1?offset=now'],
    ['a long-poll with news', '/v1/stream/s/1?offset=-1&live=long-poll'],
    ['a long-poll without', '/v1/stream/s/1?offset=now&live=long-poll'],
    ['a live read', '/v1/stream/s/1?offset=-1&live=sse'],
    ['a stream that has ended', '/v1/stream/ended/1'],
    ['a stream that is not there', '/v1/stream/none/1'],
    ['the channels', '/v1/channels'],
    ['the channels, live', '/v1/channels?live=sse'],
    ['a channel', '/v1/channels/s'],
    ['a channel, live', '/v1/channels/s?live=sse'],
    ['a chat’s run', '/v1/chat/c/stream'],
    ['a chat without one', '/v1/chat/nobody/stream'],
    ['the models', '/v1/models'],
    ['the figures', '/metrics'],
    ['the health', '/healthz'],
  ])('%s', async (_, path) => {
    await client.create('/v1/stream/s/1')
    await client.append('/v1/stream/s/1', 'text')
    await client.create('/v1/stream/ended/1')
    await client.end('/v1/stream/ended/1')
    await (await client.send('POST', '/v1/chat', { 'idempotency-key': 'k' }, chat)).body?.cancel()
    for (const method of ['GET', ...(path.startsWith('/v1/stream') && !path.includes('live') ? ['HEAD'] : [])]) {
      const answer = await client.send(method, path)
      await answer.body?.cancel()
      expect([method, isPrivate(answer), answer.headers.get('cache-control')]).toEqual([
        method,
        true,
        expect.any(String),
      ])
    }
  })

  it('also where nothing has changed: a 304 is asked for each time, and only by who may', async () => {
    await client.create('/v1/stream/e/1')
    await client.append('/v1/stream/e/1', 'text')
    const page = await client.get('/v1/stream/e/1')
    const etag = page.headers.get('etag') ?? ''
    expect(page.headers.get('cache-control')).toBe('private, no-cache')
    const again = await client.get('/v1/stream/e/1', { 'if-none-match': etag })
    expect([again.status, again.headers.get('cache-control')]).toEqual([304, 'private, no-cache'])
    let may = true
    const guarded = new Client({ authorize: () => may })
    await guarded.create('/v1/stream/e/1')
    const tag = (await guarded.get('/v1/stream/e/1')).headers.get('etag') ?? ''
    may = false
    expect((await guarded.get('/v1/stream/e/1', { 'if-none-match': tag })).status).toBe(403)
  })
})
