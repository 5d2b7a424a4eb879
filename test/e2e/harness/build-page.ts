import { createHash } from 'node:crypto'
import { cp, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { DEATH_CHANNEL } from './browser.ts'

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

/** Where the built test page is. */
export const PAGE_FOLDER = path('../../../.cache/e2e-page')

/** By it a hub ends itself in the middle of whatever it does, where the engine's automation cannot kill a worker. */
const DEATH_DOOR = `new BroadcastChannel('${DEATH_CHANNEL}').onmessage = () => self.close();\n`

/** Where the app has its hubs, and its service worker expects them. */
export const HUB_NAMES = { entryFileNames: 'hub/[name]-[hash].js', chunkFileNames: 'hub/[name]-[hash].js' } as const

/**
 * Builds the test page with the library's sources. `version` ends up in the hub's script, so that two builds are two releases of it.
 * @param hubs names of the hub's files
 */
export async function buildPage(outDir = PAGE_FOLDER, version = '1', hubs = {}): Promise<void> {
  await build({
    configFile: false,
    root: path('../page'),
    base: './',
    logLevel: 'error',
    resolve: { alias: { headwater: path('../../../src/client/index.ts') } },
    build: { outDir, emptyOutDir: true, target: 'es2022', minify: false },
    worker: {
      format: 'es',
      rolldownOptions: { output: hubs },
      plugins: () => [
        {
          name: 'release',
          renderChunk: (code, { isEntry }) => `/* release ${version} */\n${isEntry ? DEATH_DOOR : ''}${code}`,
        },
      ],
    },
  })
}

/** A copy of the built test page, the caller's to delete. `hub`: what the hub's script does before anything else. */
export async function copyPage({ hub }: { hub: string }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-page-'))
  await cp(PAGE_FOLDER, folder, { recursive: true })
  const assets = join(folder, 'assets')
  for (const name of (await readdir(assets)).filter((name) => /^(?:hub|leader)-worker-/.test(name))) {
    const path = join(assets, name)
    await writeFile(path, `${hub}\n${await readFile(path, 'utf8')}`)
  }
  return folder
}

/** What the service worker of a page keeps: all files, as the app's does. */
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

/** Puts the app's own service worker beside a built page. It knows the hubs by {@link HUB_NAMES}. */
export async function addServiceWorker(folder: string): Promise<void> {
  const files = await listFiles(folder)
  await build({
    configFile: false,
    logLevel: 'error',
    root: path('../../../sw'),
    define: { 'self.__WB_MANIFEST': JSON.stringify(files), 'process.env.NODE_ENV': '"production"' },
    build: {
      outDir: folder,
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
