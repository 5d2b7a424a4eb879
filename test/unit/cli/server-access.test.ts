import { afterEach, expect, it } from 'vitest'
import { ServerAccess } from '../../../src/cli/server-access.ts'
import { MemoryStreamStore } from '../../../src/server/stores/memory.ts'
import { SocketTestServer } from '../server/socket-server.ts'

/** A store where a channel of the last page gets a run between the first page and the next. */
class MovingStore extends MemoryStreamStore {
  #lists = 0

  override async channels(): ReturnType<MemoryStreamStore['channels']> {
    this.#lists += 1
    if (this.#lists === 2) await this.create({ channel: 'c7', run: '2' }, { contentType: 'text/plain' })
    return super.channels()
  }
}

let server: SocketTestServer | null = null

afterEach(async () => {
  await server?.close()
  server = null
})

it('lists thousands of channels, each once, also one that moves from one page to another meanwhile', async () => {
  const store = new MovingStore()
  for (let i = 1; i <= 2_500; i++) await store.create({ channel: `c${i}`, run: '1' }, { contentType: 'text/plain' })
  server = await SocketTestServer.start({ store })
  const channels = await new ServerAccess(server.url, undefined).channels()
  expect(new Set(channels.map(({ channel }) => channel)).size).toBe(2_500)
  expect(channels.length).toBe(2_500)
  expect(channels[0]).toMatchObject({ channel: 'c7', runs: 2 })
  expect(channels.at(-1)?.channel).toBe('c1')
})

it('asks for the newest run of a channel, and hears where there is none', async () => {
  server = await SocketTestServer.start()
  for (const run of ['1', '2']) await server.create(`/v1/stream/build/${run}`)
  const access = new ServerAccess(server.url, undefined)
  expect(await access.newestRun('build')).toMatchObject({ run: '2' })
  expect(await access.newestRun('none')).toBeNull()
})
