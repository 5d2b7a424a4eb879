import 'fake-indexeddb/auto'
import { expect, it } from 'vitest'
import { FAILED_WALKS } from '../../walk/failed-walks.ts'
import { walkInNode } from '../../walk/node-walk.ts'
import { NODE_WALK, runWalks } from '../../walk/run-walks.ts'

/** `HEADWATER_SEED` repeats a run. `npm run test:walk` walks further, and shrinks what it finds. */
const SEED = Number(process.env['HEADWATER_SEED'] ?? Date.now() % 1_000_000_000)
const WALKS = 8

it('whatever happens, in whatever order, every view is a prefix of the truth, and all is complete in the end', async () => {
  const said = [`seed ${SEED}`]
  const options = { seed: SEED, steps: WALKS * NODE_WALK, only: null, shrinkMs: 20_000 }
  const failed = await runWalks(walkInNode, options, (line) => said.push(line))
  expect(failed, said.join('\n')).toBe(0)
}, 120_000)

it.each([...FAILED_WALKS])('what the walk of seed $seed found is not found again: $found', async ({ seed, only }) => {
  const { failure, log } = await walkInNode(seed, only)
  expect(failure, log.join('\n')).toBeNull()
})
