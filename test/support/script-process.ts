import { mkdtemp, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { build } from 'vite'

/** A script that Node runs as a process of its own. */
export interface BuiltScript {
  path: string
  remove(): Promise<void>
}

/** Builds a TypeScript file for Node. @param source absolute path */
export async function buildScript(source: string): Promise<BuiltScript> {
  const name = basename(source, '.ts')
  // Inside of the project, so that the script finds its packages.
  const folder = await mkdtemp(join(import.meta.dirname, `../../node_modules/.${name}-`))
  await build({ configFile: false, logLevel: 'error', build: { ssr: source, outDir: folder, emptyOutDir: false } })
  return { path: join(folder, `${name}.js`), remove: () => rm(folder, { recursive: true, force: true }) }
}
