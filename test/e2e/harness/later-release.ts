import { cp, mkdtemp, readFile, readdir, rename, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The app as built now. */
export const APP_FOLDER = fileURLToPath(new URL('../../../dist/app', import.meta.url))

/** What a page says of its version in its hello (src/client/connection.ts), as it stands in the built app. */
const HELLO_VERSIONS = /protocol:\d+,minProtocol:\d+,clientId/

/**
 * A folder with the app as a later release would deploy it: the hub's scripts have other names, and so every file that names them has another
 * content. The first release's are gone from it, as they are after a deployment. The caller deletes it.
 * @param name of the release
 * @param protocol the only version of the protocol that its pages speak; as built where absent
 */
export async function makeLaterRelease(name = 'later', protocol?: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-release-'))
  await cp(APP_FOLDER, folder, { recursive: true })
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  const paths = files.map((entry) => join(entry.parentPath, entry.name))
  const hubs = paths.filter((path) => /(?:hub|leader)-worker-[^/]*\.js$/.test(path))
  if (hubs.length === 0) throw new Error('The built app has no hub script.')
  const laterName = (path: string): string => basename(path).replace(/\.js$/, `-${name}.js`)
  let versions = 0
  for (const path of paths.filter((path) => /\.(js|html)$/.test(path))) {
    let text = await readFile(path, 'utf8')
    for (const hub of hubs) text = text.replaceAll(basename(hub), laterName(hub))
    if (protocol !== undefined) {
      text = text.replace(HELLO_VERSIONS, () => {
        versions += 1
        return `protocol:${protocol},minProtocol:${protocol},clientId`
      })
    }
    await writeFile(path, text)
  }
  if (protocol !== undefined && versions !== 1) throw new Error('The built app says hello in another way by now.')
  for (const hub of hubs) await rename(hub, join(dirname(hub), laterName(hub)))
  return folder
}
