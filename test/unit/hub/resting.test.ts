// A page that nobody has seen for a minute lets go of its hub, where its streams can do without it.
import { beforeEach, expect, it } from 'vitest'
import '../../../src/client/content.ts'
import { until, World } from './world.ts'

beforeEach(() => void Object.assign(globalThis, { document: { baseURI: 'http://upstream.test/' } }))

/** Time passes, and whoever waits for it goes on. */
async function pass(world: World, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    world.clock.advance(1_000)
    for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
  }
}

it('is not what `unwatched` means: the stream on its screen goes on', async () => {
  const world = new World()
  const [page, other] = [world.openTab(), world.openTab()]
  await other.connection.connected()
  const channel = page.channel('build', { unwatched: 5_000 })
  void channel.text
  await channel.open({ url: '/log' })
  world.upstream.release('a')
  await until(() => channel.text === 'a')
  page.connection.rest()
  await pass(world, 10)
  expect((await world.store.rows())[0]).toMatchObject({ status: 'streaming', ending: null })
  // What has ended can do without anybody.
  world.upstream.end()
  await until(() => channel.done)
  page.connection.rest()
  await until(() => world.hub.tabs.size === 1, 'the page to rest')
  page.connection.close()
  other.connection.close()
  await world.close()
})

it('waits until what is queued was sent', async () => {
  const world = new World()
  const page = world.openTab()
  const channel = page.channel('build')
  void channel.text
  world.reachable = false
  await channel.send({ url: '/chat', method: 'POST', body: {} }, { whenOffline: 'queue' })
  await until(() => channel.status === 'queued')
  page.connection.rest()
  await pass(world, 5)
  expect(world.hub.tabs.size).toBe(1)
  world.reachable = true
  await pass(world, 60)
  expect(world.upstream.requests).toHaveLength(1)
  world.upstream.end()
  page.connection.close()
  await world.close()
})
