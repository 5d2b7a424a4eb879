import { buildOutdated } from '../../../scripts/build.mjs'
import { buildMatrixPage } from '../matrix/build-page.ts'
import { buildPage } from './build-page.ts'
import { SEED } from './random.ts'

/** Before all tests: the package, the app and the test pages as the sources are now. */
export async function setUp(): Promise<void> {
  console.log(`seed ${SEED} (set HEADWATER_SEED to repeat)`)
  // Workers of the runner draw from the same seed.
  process.env['HEADWATER_SEED'] = String(SEED)
  await buildOutdated({ say: console.log })
  await Promise.all([buildPage(), buildMatrixPage()])
}

// Playwright asks for a default export.
// eslint-disable-next-line no-restricted-syntax -- the one file of which it does
export default setUp
