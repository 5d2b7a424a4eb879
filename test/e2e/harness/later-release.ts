import { cp, mkdtemp, readFile, readdir, rename, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The app as built now. */
export const APP_FOLDER = fileURLToPath(new URL('../../../dist/app', import.meta.url))

/** Where the built app says which versions of the protocol it speaks: a page in its hello, a hub in its check of that. */
const VERSIONS =
  /(?<page>protocol:\d+,minProtocol:\d+(?=,clientId))|(?<hub>(\w+\.protocol)<\d+\|\|(\w+\.minProtocol)>\d+)/

/**
 * A folder with the app as a later release would deploy it: no script has the name that it had, as each carries a hash of its content, and the
 * first release's are gone. The caller deletes it.
 * @param name of the release
 * @param protocol the only version of the protocol that it speaks; as built where absent
 */
export async function makeLaterRelease(name = 'later', protocol?: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-release-'))
  await cp(APP_FOLDER, folder, { recursive: true })
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  const paths = files.map((entry) => join(entry.parentPath, entry.name))
  const hashed = paths.filter((path) => /^(?:assets|hub)$/.test(basename(dirname(path))) && extname(path) === '.js')
  if (hashed.every((path) => !basename(path).startsWith('hub-worker-'))) throw new Error('The app has no hub script.')
  const laterName = (path: string): string => basename(path).replace(/\.js$/, `-${name}.js`)
  let changed = 0
  for (const path of paths.filter((each) => /\.(js|html)$/.test(each))) {
    let text = await readFile(path, 'utf8')
    for (const script of hashed) text = text.replaceAll(basename(script), laterName(script))
    // What has no hash in its name is listed with one of its content.
    if (basename(path) === 'service-worker.js') text = text.replaceAll(/"revision":"/g, `$&${name}`)
    if (protocol !== undefined) {
      text = text.replace(VERSIONS, (_, page: string | undefined, __, its: string, itsLeast: string) => {
        changed += 1
        return page === undefined
          ? `${its}<${protocol}||${itsLeast}>${protocol}`
          : `protocol:${protocol},minProtocol:${protocol}`
      })
    }
    await writeFile(path, text)
  }
  // One page, and hubs for three tiers and the service worker.
  if (protocol !== undefined && changed !== 5)
    throw new Error('The built app names its versions in another way by now.')
  for (const path of hashed) await rename(path, join(dirname(path), laterName(path)))
  return folder
}
