import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ChannelList, RunList } from '../../../src/protocol/http.ts'
import { Client, codeOf } from './client.ts'
import { GatedModel } from './gated-model.ts'
import { SseClient } from './sse-client.ts'

let client: Client
let model: GatedModel
beforeEach(() => {
  model = new GatedModel()
  client = new Client({ models: [model.offered] })
})
afterEach(() => client.handler.close())

const json = async (response: Response): Promise<unknown> => response.json()
const ask = (id: string): Promise<Response> =>
  client.send(
    'POST',
    '/v1/chat',
    { 'content-type': 'application/json' },
    JSON.stringify({ id, messages: [{ id: 'm', role: 'user', parts: [{ type: 'text', text: 'hi' }] }] }),
  )

async function feedOf(path: string): Promise<{ sse: SseClient; next: () => Promise<[string | undefined, unknown]> }> {
  const sse = new SseClient(await client.get(`${path}?live=sse`))
  return {
    sse,
    next: async () => {
      const event = await sse.next()
      return [event?.event, event === null ? null : (JSON.parse(event.data) as unknown)]
    },
  }
}

describe('the list of channels', () => {
  it('has each channel with its newest run, that of the newest run first', async () => {
    expect(await json(await client.get('/v1/channels'))).toEqual({ channels: [] })
    await client.create('/v1/stream/a%2Fb/1')
    await client.create('/v1/stream/c/1')
    await client.create('/v1/stream/a%2Fb/2', 'application/octet-stream')
    await client.append('/v1/stream/a%2Fb/2', 'abc', 'application/octet-stream')
    await client.end('/v1/stream/a%2Fb/2', { kind: 'error', code: 'exit-status', exitCode: 3 })
    await client.create('/v1/stream/no-channel')
    expect(await json(await client.get('/v1/channels'))).toMatchObject({
      channels: [
        {
          channel: 'a/b',
          runs: 2,
          newest: {
            run: '2',
            url: '/v1/stream/a%2Fb/2',
            status: 'error',
            ending: { kind: 'error', code: 'exit-status', exitCode: 3 },
            contentType: 'application/octet-stream',
            size: 3,
          },
        },
        { channel: 'c', runs: 1, newest: { status: 'live', ending: null } },
      ],
    })
    expect(await json(await client.get('/v1/channels/a%2Fb'))).toMatchObject({
      channel: 'a/b',
      runs: [{ run: '2' }, { run: '1', status: 'live' }],
    })
    const unknown = await client.get('/v1/channels/zzz')
    expect([unknown.status, await codeOf(unknown)]).toEqual([404, 'unknown-channel'])
    expect((await client.get('/v1/channels/%E0')).status).toBe(400)
  })

  it('lists the newest thousand runs of one, and says how many more there are; a run that is not listed can be cancelled', async () => {
    for (let i = 1; i <= 1_002; i++)
      await client.store.create({ channel: 'c', run: `${i}` }, { contentType: 'text/plain' })
    const listed = (await json(await client.get('/v1/channels/c'))) as RunList
    expect([listed.older, listed.runs.length, listed.runs[0]?.run, listed.runs.at(-1)?.run]).toEqual([
      2,
      1_000,
      '1002',
      '3',
    ])
    const { sse, next } = await feedOf('/v1/channels/c')
    expect((await next())[1]).toEqual(listed)
    await sse.close()
    expect((await client.send('POST', '/v1/channels/c/cancel?run=1')).status).toBe(200)
    expect(await json(await client.get('/v1/channels'))).toMatchObject({ channels: [{ runs: 1_002 }] })
  })

  it('is answered in pages: each once, also where what a page ended with was deleted', async () => {
    for (let i = 1; i <= 1_005; i++)
      await client.store.create({ channel: `c${i}`, run: '1' }, { contentType: 'text/plain' })
    const page = async (query: string): Promise<ChannelList> =>
      (await json(await client.get(`/v1/channels${query}`))) as ChannelList
    const first = await page('')
    expect([first.channels.length, first.channels[0]?.channel, first.older]).toEqual([1_000, 'c1005', 5])
    const feed = await feedOf('/v1/channels')
    expect((await feed.next())[1]).toEqual(first)
    await feed.sse.close()
    const second = await page(`?before=${first.next}&limit=2`)
    expect([second.channels.map(({ channel }) => channel), second.older]).toEqual([['c5', 'c4'], 3])
    for (const channel of ['c4', 'c3']) await client.send('DELETE', `/v1/stream/${channel}/1`)
    const last = await page(`?limit=3&before=${second.next}`)
    expect(last.channels.map(({ channel }) => channel)).toEqual(['c2', 'c1'])
    expect(last).not.toHaveProperty('older')
    expect(last).not.toHaveProperty('next')
    expect(await page('?before=1')).toEqual({ channels: [] })
  })

  it('goes on with the runs of one where the page before ended', async () => {
    for (const run of ['1', '2', '3']) await client.create(`/v1/stream/c/${run}`)
    const first = (await json(await client.get('/v1/channels/c?limit=2'))) as RunList
    expect([first.runs.map(({ run }) => run), first.older]).toEqual([['3', '2'], 1])
    expect(await json(await client.get(`/v1/channels/c?limit=2&before=${first.next}`))).toMatchObject({
      channel: 'c',
      runs: [{ run: '1' }],
    })
  })

  it.each(['limit=0', 'limit=1001', 'limit=x', 'before=-1', 'before=build'])('refuses the page %s', async (query) => {
    await client.create('/v1/stream/c/1')
    for (const path of ['/v1/channels', '/v1/channels/c']) {
      const response = await client.get(`${path}?${query}`)
      expect([response.status, await codeOf(response)]).toEqual([400, 'bad-page'])
    }
  })

  it('gives a chat’s run the address at which it is continued', async () => {
    const response = await ask('chat:1')
    const { channels } = (await json(await client.get('/v1/channels'))) as { channels: { newest: { url: string } }[] }
    expect(channels[0]?.newest.url).toBe(response.headers.get('location'))
  })

  it('follows: a snapshot, then what is created, ended and removed, but not what grows', async () => {
    await client.create('/v1/stream/a/1')
    const feed = await feedOf('/v1/channels')
    expect(await feed.next()).toMatchObject(['snapshot', { channels: [{ channel: 'a' }] }])
    await client.create('/v1/stream/b/1')
    expect(await feed.next()).toMatchObject(['channel', { channel: 'b', newest: { status: 'live' } }])
    await client.append('/v1/stream/b/1', 'more')
    await client.end('/v1/stream/b/1')
    expect(await feed.next()).toMatchObject(['channel', { channel: 'b', newest: { status: 'done', size: 4 } }])
    await client.send('DELETE', '/v1/stream/a/1')
    expect(await feed.next()).toEqual(['removed', { channel: 'a' }])
    await feed.sse.close()
  })

  it('reads a channel that changed once for all who follow the list', async () => {
    const runs = vi.spyOn(client.store, 'runs')
    const feeds = await Promise.all(Array.from({ length: 20 }, () => feedOf('/v1/channels')))
    await Promise.all(feeds.map((feed) => feed.next()))
    await client.create('/v1/stream/b/1')
    for (const feed of feeds) expect(await feed.next()).toMatchObject(['channel', { newest: { status: 'live' } }])
    await client.end('/v1/stream/b/1')
    for (const feed of feeds) expect(await feed.next()).toMatchObject(['channel', { newest: { status: 'done' } }])
    expect(runs).toHaveBeenCalledTimes(2)
    await Promise.all(feeds.map(({ sse }) => sse.close()))
  })

  it('follows one channel, run by run', async () => {
    await client.create('/v1/stream/a/1')
    const feed = await feedOf('/v1/channels/a')
    expect(await feed.next()).toMatchObject(['snapshot', { channel: 'a', runs: [{ run: '1' }] }])
    await client.create('/v1/stream/other/1')
    await client.create('/v1/stream/a/2')
    expect(await feed.next()).toMatchObject(['run', { run: '2', status: 'live' }])
    await client.end('/v1/stream/a/1', { kind: 'cancelled' })
    expect(await feed.next()).toMatchObject(['run', { run: '1', status: 'cancelled' }])
    await client.send('DELETE', '/v1/stream/a/1')
    expect(await feed.next()).toEqual(['removed', { run: '1' }])
    await feed.sse.close()
  })

  it('ends a feed after a thousand events, with an event that says so', async () => {
    const feed = await feedOf('/v1/channels')
    await feed.next()
    const rest = feed.sse.rest()
    for (let run = 0; run < 1000; run++) await client.create(`/v1/stream/channel-${run}/1`)
    const events = await rest
    expect(events.length).toBe(1000)
    expect(events.at(-1)?.event).toBe('done')
    expect(new Set(events.map((event) => event.id)).size).toBe(1000)
  })
})

describe('a feed that is not read', () => {
  it('keeps no more changes for its reader than it could tell: it ends, and the next begins with a snapshot', async () => {
    const { sse, next } = await feedOf('/v1/channels')
    expect((await next())[0]).toBe('snapshot')
    for (let i = 0; i < 2_000; i++)
      await client.store.create({ channel: `c${i}`, run: '1' }, { contentType: 'text/plain' })
    const told = (await sse.rest()).map(({ event }) => event)
    expect(told.at(-1)).toBe('done')
    // What was on the way when it was too much.
    expect(told.length).toBeLessThan(10)
  })
})

describe('cancelling a channel', () => {
  const cancel = (channel: string): Promise<Response> => client.send('POST', `/v1/channels/${channel}/cancel`)

  it('ends the live run as cancelled, and its producer learns it with the next append', async () => {
    await client.create('/v1/stream/a/1')
    const response = await cancel('a')
    expect(response.status).toBe(200)
    expect(await json(response)).toMatchObject({ run: '1', status: 'cancelled', ending: { kind: 'cancelled' } })
    const late = await client.append('/v1/stream/a/1', 'late')
    expect([late.status, late.headers.get('stream-ending')]).toEqual([409, '{"kind":"cancelled"}'])
    expect((await cancel('a')).status).toBe(409)
    expect((await cancel('b')).status).toBe(404)
  })

  it('leaves the new run alone when an old one is cancelled by its name', async () => {
    await client.create('/v1/stream/a/1')
    await client.end('/v1/stream/a/1', { kind: 'done' })
    await client.create('/v1/stream/a/2')
    const response = await client.send('POST', '/v1/channels/a/cancel?run=1')
    expect(await json(response)).toMatchObject({ run: '1', status: 'done' })
    expect((await client.send('POST', '/v1/channels/a/cancel?run=3')).status).toBe(404)
    const named = await client.send('POST', '/v1/channels/a/cancel?run=2')
    expect(await json(named)).toMatchObject({ run: '2', status: 'cancelled' })
  })

  it('aborts a model', async () => {
    await ask('chat:1')
    await model.called
    expect(await json(await cancel('chat%3A1'))).toMatchObject({ status: 'cancelled' })
    expect(model.signal?.aborted).toBe(true)
  })
})
