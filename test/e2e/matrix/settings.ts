import type { Engine, Selection } from './cells.ts'

/** How many cells `npm test` runs: with two workers about two minutes. */
const SAMPLE = 44

/** What the runner was asked for, by the environment: `scripts/test-matrix.mjs` sets it. */
export function readSettings(): Omit<Selection, 'seed'> {
  const { HEADWATER_MATRIX_CELLS: cells, HEADWATER_MATRIX_ONLY: only = '' } = process.env
  const engine: Engine = process.env['HEADWATER_MATRIX_ENGINE'] === 'firefox' ? 'firefox' : 'chromium'
  return {
    engine,
    count: cells === undefined ? SAMPLE : cells === 'all' ? Infinity : Number(cells),
    only: only.split(',').filter((word) => word !== ''),
  }
}
