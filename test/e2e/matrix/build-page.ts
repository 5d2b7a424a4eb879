import { createHash } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { faultDoors } from '../faults/doors.ts'

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

/** Where the built page is. */
export const MATRIX_PAGE = path('../../../.cache/e2e-matrix-page')

/** What the service worker of this page keeps: all files, as the app's does. */
async function listFiles(folder: string): Promise<{ url: string; revision: string }[]> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  return Promise.all(
    files.map(async (entry) => {
      const file = join(entry.parentPath, entry.name)
      const revision = createHash('sha256')
        .update(await readFile(file))
        .digest('hex')
      return { url: relative(folder, file).replaceAll(sep, '/'), revision }
    }),
  )
}

/** Builds the page with the library's sources and fault points in its hubs, and the app's own service worker beside it. */
export async function buildMatrixPage(): Promise<void> {
  const common = { configFile: false, logLevel: 'error' } as const
  await build({
    ...common,
    root: path('./page'),
    resolve: { alias: { headwater: path('../../../src/client/index.ts') } },
    plugins: [faultDoors({ mustUse: false })],
    build: { outDir: MATRIX_PAGE, emptyOutDir: true, target: 'es2022', minify: false },
    worker: {
      format: 'es',
      plugins: () => [faultDoors({ mustUse: true })],
      rolldownOptions: { output: { entryFileNames: 'hub/[name]-[hash].js', chunkFileNames: 'hub/[name]-[hash].js' } },
    },
  })
  const files = await listFiles(MATRIX_PAGE)
  await build({
    ...common,
    root: path('../../../sw'),
    define: { 'self.__WB_MANIFEST': JSON.stringify(files), 'process.env.NODE_ENV': '"production"' },
    build: {
      outDir: MATRIX_PAGE,
      emptyOutDir: false,
      target: 'es2022',
      minify: false,
      lib: {
        entry: path('../../../sw/service-worker.ts'),
        formats: ['iife'],
        name: 'sw',
        fileName: () => 'service-worker.js',
      },
    },
  })
}
