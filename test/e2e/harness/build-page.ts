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
