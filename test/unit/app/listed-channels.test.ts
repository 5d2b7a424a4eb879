import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ListedChannels } from '../../../src/app/lib/listed-channels.ts'
import { parseChannelPage } from '../../../src/app/lib/server-channels.ts'
import type { ChannelPage } from '../../../src/app/lib/server-channels.ts'
import { Client } from '../server/client.ts'
import { SseClient } from '../server/sse-client.ts'

let client: Client
beforeEach(() => {
  client = new Client()
})
afterEach(() => client.handler.close())

const create = async (channel: string): Promise<unknown> =>
  client.store.create({ channel, run: '1' }, { contentType: 'text/plain' })

const fetchPage = async (before: string): Promise<ChannelPage> =>
  parseChannelPage(await (await client.get(`/v1/channels?before=${before}`)).json())

/** A feed of the server, whose events are applied one by one. */
async function follow(listed: ListedChannels): Promise<() => Promise<void>> {
  const sse = new SseClient(await client.get('/v1/channels?live=sse'))
  return async () => {
    const event = await sse.next()
    listed.apply(event?.event, event?.data ?? '')
  }
}

describe('the channels of a server that has thousands', () => {
  beforeEach(async () => {
    for (let i = 1; i <= 2_500; i++) await create(`c${i}`)
  })

  test('are all listed, and followed', async () => {
    const listed = new ListedChannels()
    const next = await follow(listed)
    await next()
    expect(listed.channels.size).toBe(1_000)
    const sizes: number[] = []
    await listed.readOlder(fetchPage, () => sizes.push(listed.channels.size))
    expect(sizes).toEqual([2_000, 2_500])
    await client.end('/v1/stream/c1/1')
    await next()
    expect(listed.channels.get('c1')?.newest.status).toBe('done')
    await client.send('DELETE', '/v1/stream/c2/1')
    await next()
    expect(listed.channels.has('c2')).toBe(false)
  })

  test('stay listed while a later snapshot is completed, and those that went meanwhile go with its last page', async () => {
    const listed = new ListedChannels()
    await (
      await follow(listed)
    )()
    await listed.readOlder(fetchPage, () => undefined)
    for (const channel of ['c3', 'c2400']) await client.send('DELETE', `/v1/stream/${channel}/1`)
    await (
      await follow(listed)
    )()
    expect([listed.channels.has('c1'), listed.channels.has('c3'), listed.channels.size]).toEqual([true, true, 2_500])
    await listed.readOlder(fetchPage, () => undefined)
    expect([listed.channels.has('c1'), listed.channels.has('c3'), listed.channels.size]).toEqual([true, false, 2_498])
  })

  test('are what the feed said last, also where a page that says otherwise comes later', async () => {
    const listed = new ListedChannels()
    const next = await follow(listed)
    await next()
    await listed.readOlder(
      async (before) => {
        const page = await fetchPage(before)
        if (page.next === null) {
          await client.end('/v1/stream/c1/1')
          await next()
        }
        return page
      },
      () => undefined,
    )
    expect(listed.channels.get('c1')?.newest.status).toBe('done')
  })

  test('are those of a newer snapshot where one comes before the pages of the older one', async () => {
    const listed = new ListedChannels()
    await (
      await follow(listed)
    )()
    await listed.readOlder(
      async (before) => {
        const page = await fetchPage(before)
        listed.apply('snapshot', '{"channels":[]}')
        return page
      },
      () => undefined,
    )
    expect(listed.channels.size).toBe(0)
  })
})
