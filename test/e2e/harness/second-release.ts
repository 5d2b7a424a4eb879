import { cp, mkdtemp, readFile, readdir, rename, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The app as built now. */
export const APP_FOLDER = fileURLToPath(new URL('../../../dist/app', import.meta.url))

/**
 * A folder with the app as a later release would deploy it: the hub's script has another name, and so every file that names it has another
 * content. The first release's script is gone from it, as it is after a deployment.
 */
export async function makeSecondRelease(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-release-'))
  await cp(APP_FOLDER, folder, { recursive: true })
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  const paths = files.map((entry) => join(entry.parentPath, entry.name))
  const hub = paths.find((path) => /hub-worker-[^/]*\.js$/.test(path))
  if (hub === undefined) throw new Error('The built app has no hub script.')
  const later = basename(hub).replace(/\.js$/, '-later.js')
  for (const path of paths.filter((path) => /\.(js|html)$/.test(path))) {
    const text = await readFile(path, 'utf8')
    await writeFile(path, text.replaceAll(basename(hub), later))
  }
  await rename(hub, join(dirname(hub), later))
  return folder
}
