import { afterEach, beforeEach, expect, it } from 'vitest'
import '../../../src/client/content.ts'
import '../../../src/client/log-reader.ts'
import { UnreliableStore } from './unreliable-store.ts'
import { until, World } from './world.ts'

// A hub is told to leave (rule 14) while questions are still without an answer: nobody is refused, all are answered by the next hub.

let world: World
let store: UnreliableStore

beforeEach(() => {
  store = new UnreliableStore()
  world = new World(store)
  Object.assign(globalThis, { document: { baseURI: 'http://upstream.test/' } })
})

afterEach(async () => {
  world.upstream.end()
  await world.close()
})

async function settle(turns = 60): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}

/** What became of a question, once seconds have passed. */
async function outcomeOf(asked: Promise<unknown>, meanwhile: () => Promise<void>): Promise<unknown> {
  let outcome: unknown = 'no answer'
  asked.then(
    (value) => (outcome = value),
    (error: unknown) => (outcome = error),
  )
  await settle()
  await meanwhile()
  for (let second = 0; second < 30 && outcome === 'no answer'; second++) {
    world.clock.advance(1_000)
    await settle()
  }
  return outcome
}

it('a stop that waits for an owner elsewhere takes effect', async () => {
  const first = world.openTab().channel('build')
  void first.text
  await first.open({ url: '/log' })
  world.upstream.release('a')
  await until(() => first.text === 'a')
  const owner = world.hub
  const follower = await world.startHub()
  const tab = world.openTab()
  const [other, mine] = [tab.channel('build'), tab.channel('mine')]
  void [other.text, mine.text]
  await mine.open({ url: '/mine' })
  await until(() => other.text === 'a' && mine.text === 'a')
  world.spin(owner)
  const stopping = other.stop().then(() => other.status)
  await settle()
  // The follower's own transaction takes a moment: so does its leaving.
  const letGo = store.hold('commit', 'after')
  world.upstream.release('b')
  await settle()
  const outcome = await outcomeOf(stopping, async () => {
    void follower.retire()
    await settle()
    letGo()
    world.wake(owner)
  })
  expect(outcome).toBe('stopped')
})

it('a reader that is being attached reads', async () => {
  const channel = world.openTab().channel('build')
  void channel.text
  await channel.open({ url: '/log' })
  world.upstream.release('a')
  await until(() => channel.text === 'a')
  const letCommit = store.hold('commit', 'after')
  world.upstream.release('b')
  await settle()
  const letFind = store.hold('newest', 'after')
  const reading = channel.read({ from: 'start' })[Symbol.asyncIterator]().next()
  const outcome = await outcomeOf(
    reading.then(({ value }) => value?.data),
    async () => {
      void world.hub.retire()
      letFind()
      await settle()
      letCommit()
    },
  )
  expect(outcome).toBe('a')
})

it('nothing waits any more for the owner of a stream that this hub owned, and that has ended', async () => {
  const tab = world.openTab()
  world.upstream.release('a')
  world.upstream.end()
  for (let i = 0; i < 5; i++) {
    const channel = tab.channel(`c${i}`)
    void channel.text
    await channel.open({ url: `/log${i}` })
    await until(() => channel.done)
    channel.close()
  }
  await settle()
  const before = world.clock.waiting
  world.hub.suspectOthers()
  await settle()
  expect(world.clock.waiting).toBe(before)
})
