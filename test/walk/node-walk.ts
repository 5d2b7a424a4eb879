// What pages import only when they need it is there from the start: a walk's clock stands still while a loader may wait, and on a busy machine the walk
// would be over first.
import '../../src/client/channel-events.ts'
import '../../src/client/content.ts'
import '../../src/client/log-reader.ts'
import '../../src/client/producer.ts'
import '../../src/client/register-sync.ts'
import '../../src/client/stored-source.ts'
import '../../src/client/upload-target.ts'
import type { ChannelOptions } from '../../src/client/api.ts'
import { seededRandom } from '../e2e/harness/random.ts'
import { finalRound } from './final-round.ts'
import { ACTS, WEIGHTS } from './node-acts.ts'
import { stepTimers } from './stepped-globals.ts'
import type { Walked } from './steps.ts'
import { stepOf, weigh } from './steps.ts'
import { must, Violation } from './violation.ts'
import { Walker } from './walker.ts'
import { countChannels } from './wire.ts'

/** What happens between two steps, in turns of the event loop: at times nothing, at times all that can. */
const MOST_TURNS = 14
/** Where a channel's streams are cancelled when nobody reads them: so soon that it happens in a walk. */
const UNWATCHED_MS = 5_000

/** One walk under Node: the steps of these numbers, in order, out of those of the seed; then the final round. */
export async function walkInNode(seed: number, indexes: readonly number[]): Promise<Walked> {
  const random = seededRandom(seed)
  const walked: Walked = { log: [], failure: null, taken: 0 }
  const rejected: unknown[] = []
  const onRejection = (error: unknown): void => void rejected.push(error)
  process.on('unhandledRejection', onRejection)
  Object.assign(globalThis, { document: { baseURI: 'http://upstream.test/' } })
  const ports = countChannels()
  const kind = random() < 0.75 ? 'memory' : 'indexeddb'
  const channels = Array.from({ length: 1 + Math.floor(random() * 4) }, (): ChannelOptions =>
    random() < 0.2 ? { unwatched: UNWATCHED_MS } : {},
  )
  const walker = await Walker.create(kind, channels)
  const restore = stepTimers(walker.world.clock)
  const mustBeWhole = (): void => {
    must(rejected.length === 0, 'no promise is left broken', () => rejected.map(String).join())
  }
  const check = async (): Promise<void> => {
    await walker.check()
    mustBeWhole()
  }
  try {
    walker.open([['c0', true]])
    for (const index of indexes) {
      const step = stepOf(seed, index)
      const act = weigh(step.random, WEIGHTS)
      const did = await ACTS[act](walker, step.random)
      walked.taken += 1
      if (did !== null) walked.log.push(`${index}: ${did}`)
      await walker.settle(Math.floor(step.random() * MOST_TURNS))
      await check()
    }
    walked.log.push('the final round')
    await finalRound(walker, () => ports.open)
    mustBeWhole()
  } catch (error) {
    walked.failure = { rule: error instanceof Violation ? error.rule : `thrown: ${String(error)}`, error }
    for (const hub of walker.world.hubs) walker.world.killHub(hub)
    for (const { page } of walker.tabs) page.connection.close()
    await walker.settle(20)
  } finally {
    restore()
    ports.stop()
    process.off('unhandledRejection', onRejection)
  }
  return walked
}
