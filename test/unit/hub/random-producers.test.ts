import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import '../../../src/client/content.ts'
import '../../../src/client/producer.ts'
import type { Sink } from '../../../src/client/api.ts'
import type { HubChannel } from '../../../src/client/hub-channel.ts'
import { seededRandom } from '../../e2e/harness/random.ts'
import { UnreliableStore } from './unreliable-store.ts'
import { until, World } from './world.ts'

/** `HEADWATER_SEED` repeats a run. */
const SEED = Number(process.env['HEADWATER_SEED'] ?? Date.now() % 1_000_000_000)
const RUNS = process.env['HEADWATER_SEED'] === undefined ? 12 : 1
const STEPS = 40

const errors: unknown[] = []
const onError = (error: unknown): void => void errors.push(error)
beforeEach(() => {
  Object.assign(globalThis, { document: { baseURI: 'http://upstream.test/' } })
  process.on('unhandledRejection', onError)
  // A page whose hello went to a dying hub asks again by a timer.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
  process.off('unhandledRejection', onError)
})

async function settle(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}

/** What one page writes while hubs die, new ones come beside them, commits are held, and other tabs stop and resume. */
async function run(seed: number, log: string[]): Promise<void> {
  const random = seededRandom(seed)
  const store = new UnreliableStore()
  const world = new World(store)
  const readers: HubChannel[] = []
  let letCommit: () => void = () => undefined
  const openReader = (): void => {
    const channel = world.openTab().channel('notes')
    void channel.text
    readers.push(channel)
  }
  openReader()
  const sink: Sink = world.openTab().channel('notes').start()
  let truth = ''
  /** How much of the truth was said to be stored. */
  let stored = 0
  /** Three seconds, for the hubs and for the pages. */
  const pass = async (): Promise<void> => {
    world.clock.advance(3_000)
    await vi.advanceTimersByTimeAsync(3_000)
  }
  const write = (): void => {
    const chunk = `${truth.length % 10}`.repeat(1 + Math.floor(random() * 3))
    truth += chunk
    const upTo = truth.length
    void sink.write(chunk).then(() => {
      // In order: each was stored with all before it.
      expect(upTo).toBeGreaterThan(stored)
      stored = upTo
    })
  }
  const acts: Record<string, () => unknown> = {
    write,
    'write many': () => Array.from({ length: 8 }, write),
    'kill hub': () => world.killHub(),
    'new hub': () => world.startHub(),
    'hold before': () => {
      letCommit()
      letCommit = store.hold('commit', 'before')
    },
    'hold after': () => {
      letCommit()
      letCommit = store.hold('commit', 'after')
    },
    'let commit': () => letCommit(),
    'open reader': () => readers.length < 6 && openReader(),
    stop: () => void readers[0]?.stop().catch(() => undefined),
    resume: () => void readers[0]?.resume().catch(() => undefined),
    'three seconds': pass,
  }
  const names = Object.keys(acts)
  const check = (): void => {
    for (const { text } of readers) expect(truth.startsWith(text), `a prefix: ${text}`).toBe(true)
    expect(sink.signal.aborted, 'taken for gone').toBe(false)
  }
  for (let step = 0; step < STEPS; step++) {
    const name = random() < 0.4 ? 'write' : (names[Math.floor(random() * names.length)] as string)
    log.push(name)
    await acts[name]?.()
    await settle(Math.floor(random() * 10))
    check()
  }
  log.push('the end')
  letCommit()
  let closed = false
  const closing = sink.close().then(() => (closed = true))
  for (let round = 0; round < 60 && !closed; round++) {
    // A stop may still be on its way.
    await readers[0]?.resume().catch(() => undefined)
    await pass()
    await settle(20)
    check()
  }
  expect(closed, 'closed').toBe(true)
  await closing
  expect(stored).toBe(truth.length)
  for (let round = 0; round < 20; round++) {
    await pass()
    await settle(10)
  }
  await until(() => readers.every(({ done }) => done), 'every view to be done')
  expect(readers.map(({ text }) => text)).toEqual(readers.map(() => truth))
  await world.close()
}

it('whatever hubs die and commits wait, what a page writes is stored once, in order, and said to be stored in that order', async () => {
  for (let i = 0; i < RUNS; i++) {
    const seed = SEED + i
    const log: string[] = []
    try {
      await run(seed, log)
      expect(errors).toEqual([])
    } catch (error) {
      throw new Error(`HEADWATER_SEED=${seed} repeats it. After: ${log.join(', ')}`, { cause: error })
    }
  }
}, 60_000)
