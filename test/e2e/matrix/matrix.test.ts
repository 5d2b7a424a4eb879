import { test } from '@playwright/test'
import { lines } from '../harness/truth.ts'
import { SEED } from '../harness/random.ts'
import { TestUpstream } from '../harness/test-upstream.ts'
import { Bed } from './bed.ts'
import { MATRIX_PAGE } from './build-page.ts'
import { cellId, cellName, selectCells } from './cells.ts'
import { readSettings } from './settings.ts'
import { runCell } from './run-cell.ts'

// Every point at which a hub can be caught, times everything that can happen to it, times views: see cells.ts. `npm test` runs a seeded
// sample, `npm run test:matrix` all of it.
test.describe.configure({ mode: 'parallel' })

/** Small streams: what is tried here is order, not volume. */
const CHUNKS = 40

const settings = readSettings()

for (const cell of selectCells({ ...settings, seed: SEED })) {
  test(cellName(cell), async ({ context }) => {
    const upstream = await TestUpstream.start(MATRIX_PAGE)
    try {
      const stream = upstream.script('matrix', {
        format: cell.upstream === 'get' ? 'sse-ids' : 'ai-sdk',
        chunks: lines(CHUNKS),
        released: 0,
        ends: false,
        resumable: cell.upstream !== 'once',
        // So that seqs of upstream and of the log cannot be taken for each other.
        idsFrom: 100,
      })
      await runCell(new Bed(cell, settings.engine, context, upstream, stream))
    } catch (error) {
      console.log(`repeat it alone: npm run test:matrix -- --engine=${settings.engine} --only=${cellId(cell)}`)
      throw error
    } finally {
      await upstream.close()
    }
  })
}
