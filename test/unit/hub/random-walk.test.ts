import { afterEach, beforeEach, expect, it } from 'vitest'
import '../../../src/client/content.ts'
import type { HubChannel } from '../../../src/client/hub-channel.ts'
import { UnreliableStore } from './unreliable-store.ts'
import { until, World } from './world.ts'

/** `HEADWATER_SEED` repeats a walk, `HEADWATER_WALKS` says how many are tried. */
const SEED = Number(process.env['HEADWATER_SEED'] ?? Date.now() % 1_000_000_000)
const WALKS = Number(process.env['HEADWATER_WALKS'] ?? (process.env['HEADWATER_SEED'] === undefined ? 25 : 1))
const STEPS = 60

/** Numbers from 0 to 1 out of a seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

beforeEach(() => {
  Object.assign(globalThis, { document: { baseURI: 'http://upstream.test/' } })
})

const errors: unknown[] = []
const onError = (error: unknown): void => void errors.push(error)
beforeEach(() => void process.on('unhandledRejection', onError))
afterEach(() => void process.off('unhandledRejection', onError))

interface Tab {
  page: ReturnType<World['openTab']>
  channel: HubChannel
}

async function walk(seed: number, log: string[]): Promise<void> {
  const random = randomOf(seed)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const store = new UnreliableStore()
  const world = new World(store)
  let letCommit: () => void = () => undefined
  let robbed = false
  let tabs: Tab[] = []
  let units = 0
  const answers: Promise<unknown>[] = []
  const settle = async (turns: number): Promise<void> => {
    for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
  }
  const open = async (): Promise<void> => {
    const page = world.openTab()
    const channel = page.channel('build')
    void channel.text
    tabs.push({ page, channel })
    answers.push(channel.open({ url: '/log', retries: 2 }).catch(() => undefined))
    await settle(2)
  }
  const verb = (name: 'stop' | 'resume' | 'cancel' | 'retry') => (): void => {
    if (tabs.length > 0)
      answers.push(
        pick(tabs)
          .channel[name]()
          .catch(() => undefined),
      )
  }
  const acts: Record<string, () => void | Promise<void>> = {
    open,
    'open another': open,
    close: () => {
      const tab = pick(tabs)
      if (tabs.length < 2 || tab === undefined) return
      tabs = tabs.filter((other) => other !== tab)
      tab.page.connection.close()
    },
    'kill hub': () => world.killHub(),
    'new hub': async () => void (await world.startHub()),
    zombie: async () => {
      if (!world.hasHub) return
      const old = world.hub
      await world.startHub()
      world.makeZombie(old)
      robbed = true
    },
    'hold commits': () => {
      letCommit()
      letCommit = store.hold('commit', pick(['before', 'after']))
    },
    'only these': () => {
      store.pass('commit', 'before')
      store.pass('commit', 'after')
    },
    'let commit': () => letCommit(),
    cut: () => world.upstream.cut(),
    'end of body': () => world.upstream.finish(),
    refuse: () => void (world.upstream.refusing = true),
    answer: () => void (world.upstream.refusing = false),
    release: () => world.upstream.release(String(units++ % 10)),
    'release three': () => world.upstream.release(...[0, 1, 2].map(() => String(units++ % 10))),
    'lose pings': () => void (world.pingsLost = true),
    'hear pings': () => void (world.pingsLost = false),
    stop: verb('stop'),
    resume: verb('resume'),
    cancel: verb('cancel'),
    retry: verb('retry'),
    send: () => {
      if (tabs.length > 0)
        answers.push(
          pick(tabs)
            .channel.send({ url: '/log' })
            .catch(() => undefined),
        )
    },
    second: () => world.clock.advance(1_000),
    'long time': () => world.clock.advance(16_000),
  }
  const truth = (): string => world.upstream.units.map(String).join('')
  const check = (): void => {
    for (const { channel } of tabs) expect(truth().startsWith(channel.text), `a prefix: ${channel.text}`).toBe(true)
    for (const { channel } of tabs) if (channel.done) expect(channel.text).toBe(truth())
    // What a robbed hub still holds for a moment is never committed.
    if (!robbed) expect(world.upstream.mostOfOne, 'sockets of one stream').toBeLessThanOrEqual(1)
  }
  await open()
  for (let step = 0; step < STEPS; step++) {
    // Verbs that end runs are rarer than what disturbs them.
    const name = pick(random() < 0.15 ? ['cancel', 'retry', 'send', 'stop'] : Object.keys(acts))
    log.push(name)
    await acts[name]?.()
    await settle(Math.floor(random() * 12))
    check()
  }
  log.push('the end')
  world.upstream.refusing = false
  world.pingsLost = false
  letCommit()
  // One run more, so that there is one that nobody cancelled.
  await open()
  const last = tabs.at(-1) as Tab
  const sent = last.channel.send({ url: '/log', retries: 100 })
  world.upstream.release('x')
  world.upstream.end()
  const streamId = await sent
  let complete = false
  for (let step = 0; step < 40 && !complete; step++) {
    await settle(20)
    world.clock.advance(3_000)
    check()
    complete = tabs.every(({ channel }) => channel.done && channel.streamId === streamId && channel.text === truth())
  }
  expect(
    tabs.map(({ channel }) => `${channel.streamId === streamId} ${channel.status} ${channel.text}`),
    'every view',
  ).toEqual(tabs.map(() => `true done ${truth()}`))
  // I8: every verb was answered, or refused, by now.
  let pending = true
  void Promise.all(answers).then(() => (pending = false))
  await until(() => !pending, 'the answers to all verbs').catch(async () => {
    for (let step = 0; step < 10; step++) {
      world.clock.advance(16_000)
      await settle(30)
    }
    expect(pending, 'a verb that nobody answers').toBe(false)
  })
  for (const { page } of tabs) page.connection.close()
  await world.close()
}

it('whatever happens, every view is a prefix of the truth, complete in the end, over one socket per stream', async () => {
  for (let i = 0; i < WALKS; i++) {
    const seed = SEED + i
    const log: string[] = []
    try {
      await walk(seed, log)
      expect(errors).toEqual([])
    } catch (error) {
      throw new Error(`HEADWATER_SEED=${seed} repeats it. After: ${log.join(', ')}`, { cause: error })
    }
  }
}, 60_000)
