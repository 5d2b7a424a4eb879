import { cp, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { DEATH_CHANNEL } from './browser.ts'

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

/** Where the built test page is. */
export const PAGE_FOLDER = path('../../../.cache/e2e-page')

/** By it a hub ends itself in the middle of whatever it does, where the engine's automation cannot kill a worker. */
const DEATH_DOOR = `new BroadcastChannel('${DEATH_CHANNEL}').onmessage = () => self.close();\n`

/** Builds the test page with the library's sources. `version` ends up in the hub's script, so that two builds are two releases of it. */
export async function buildPage(outDir = PAGE_FOLDER, version = '1'): Promise<void> {
  await build({
    configFile: false,
    root: path('../page'),
    base: './',
    logLevel: 'error',
    resolve: { alias: { headwater: path('../../../src/client/index.ts') } },
    build: { outDir, emptyOutDir: true, target: 'es2022', minify: false },
    worker: {
      format: 'es',
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
