import { afterEach, beforeEach, expect, it } from 'vitest'
import '../../../src/client/content.ts'
import '../../../src/client/producer.ts'
import '../../../src/client/upload-target.ts'
import { seededRandom } from '../../e2e/harness/random.ts'
import { UnreliableStore } from './unreliable-store.ts'
import { PATH, UploadWorld } from './upload-world.ts'

/** `HEADWATER_SEED` repeats a run, `HEADWATER_UPLOAD_RUNS` makes more of them. */
const SEED = Number(process.env['HEADWATER_SEED'] ?? Date.now() % 1_000_000_000)
const RUNS = process.env['HEADWATER_SEED'] === undefined ? Number(process.env['HEADWATER_UPLOAD_RUNS'] ?? 10) : 1
const STEPS = 40
const BOUND = 60

const errors: unknown[] = []
const onError = (error: unknown): void => void errors.push(error)
beforeEach(() => {
  Object.assign(globalThis, { document: { baseURI: 'http://upstream.test/' } })
  process.on('unhandledRejection', onError)
})
afterEach(() => void process.off('unhandledRejection', onError))

async function settle(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}

/** What a page writes goes to a server, while requests and answers are lost or late, hubs die or are taken for dead, and commits are held. */
async function run(seed: number, log: string[]): Promise<void> {
  const random = seededRandom(seed)
  const store = new UnreliableStore()
  const world = new UploadWorld(store)
  let losses = 0
  world.fate = () => {
    const dice = random()
    return dice < losses / 2 ? 'lost' : dice < losses ? 'unanswered' : 'through'
  }
  const letGo: (() => void)[] = []
  let letCommit: () => void = () => undefined
  world.openTab()
  const channel = world.openTab().channel('notes')
  const sink = channel.start({ to: { url: PATH, highWaterMark: BOUND, lease: 86_400 } })
  const truth: number[] = []
  let resolved = 0
  const write = (): void => {
    const count = 1 + Math.floor(random() * 5)
    const bytes = Uint8Array.from({ length: count }, (_, i) => (truth.length + i) % 256)
    truth.push(...bytes)
    void sink.write(bytes).then(() => (resolved += count))
  }
  const acts: Record<string, () => unknown> = {
    write,
    'write many': () => Array.from({ length: 6 }, write),
    'kill hub': () => world.killHub(),
    'new hub': () => world.startHub(),
    zombie: () => world.hasHub && !world.hasZombies && world.makeZombie(),
    'lose requests': () => (losses = 0.7),
    'lose none': () => (losses = 0),
    'slow network': () => {
      world.slow = new Promise((resolve) => letGo.push(resolve))
    },
    'late requests arrive': () => {
      world.slow = null
      for (const go of letGo.splice(0)) go()
    },
    'hold before': () => {
      letCommit()
      letCommit = store.hold('commit', 'before')
    },
    'hold after': () => {
      letCommit()
      letCommit = store.hold('commit', 'after')
    },
    'let commit': () => letCommit(),
    second: () => world.clock.advance(3_000),
  }
  const names = Object.keys(acts)
  const check = async (): Promise<void> => {
    const bytes = [...(await world.bytes())]
    expect(bytes, 'the server has a prefix').toEqual(truth.slice(0, bytes.length))
    // A write that resolved leaves no more behind than the bound.
    expect(resolved - bytes.length, 'bounded').toBeLessThanOrEqual(BOUND)
    expect(sink.signal.aborted, 'taken for gone').toBe(false)
  }
  for (let step = 0; step < STEPS; step++) {
    const name = random() < 0.4 ? 'write' : (names[Math.floor(random() * names.length)] as string)
    log.push(name)
    await acts[name]?.()
    await settle(Math.floor(random() * 10))
    await check()
  }
  log.push('the end')
  losses = 0
  letCommit()
  acts['late requests arrive']?.()
  let isOver = false
  void sink.close()
  void sink.uploaded.then(() => (isOver = true))
  // By the clock on the wall: a tab whose hello went to a hub that died says it again after a deadline of its own.
  for (const tooLate = performance.now() + 10_000; !isOver && performance.now() < tooLate;) {
    world.clock.advance(3_000)
    await settle(20)
    await check()
  }
  expect(isOver, 'uploaded').toBe(true)
  expect([...(await world.bytes())]).toEqual(truth)
  expect(resolved).toBe(truth.length)
  expect(await world.ending()).toEqual({ kind: 'done' })
  await world.close()
}

it('whatever hubs die and requests are lost, the server gets what the page wrote, once, and the page is held to its bound', async () => {
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
