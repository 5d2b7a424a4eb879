import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { faultDoors } from '../faults/doors.ts'
import { addServiceWorker, HUB_NAMES } from '../harness/build-page.ts'

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

/** Where the built page is. */
export const MATRIX_PAGE = path('../../../.cache/e2e-matrix-page')

/** Builds the page with the library's sources and fault points in its hubs, and the app's own service worker beside it. */
export async function buildMatrixPage(): Promise<void> {
  await build({
    configFile: false,
    logLevel: 'error',
    root: path('./page'),
    resolve: { alias: { headwater: path('../../../src/client/index.ts') } },
    plugins: [faultDoors({ mustUse: false })],
    build: { outDir: MATRIX_PAGE, emptyOutDir: true, target: 'es2022', minify: false },
    worker: {
      format: 'es',
      plugins: () => [faultDoors({ mustUse: true })],
      rolldownOptions: { output: HUB_NAMES },
    },
  })
  await addServiceWorker(MATRIX_PAGE)
}
