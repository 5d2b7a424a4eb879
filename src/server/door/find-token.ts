import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import type { ServerConfig } from '../config.ts'
import { isLoopbackName } from '../guard.ts'
import { StartError } from '../server-error.ts'
import { AccessToken, newToken } from './access-token.ts'

/** The token that clients must present, if any. */
export interface FoundToken {
  readonly access: AccessToken | null
  /** The token itself, where this process knows it: it was given, or just made. */
  readonly secret: string | null
  /** `kept`: made by an earlier start, of which only the hash is left. */
  readonly origin: 'none' | 'given' | 'made' | 'kept'
}

const FILE = 'access.json'
const Hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))
const Stored = v.object({ version: v.literal(1), token: Hash, session: Hash })

/** Whether clients must present a token: always, where others than the people of this machine can reach the server. */
function needsToken({ host, hosts, token }: ServerConfig): boolean {
  return token !== null || hosts.length > 0 || !isLoopbackName(host)
}

/**
 * The token by the configuration. One that was given stays with whoever gave it; one that was made is kept, hashed, in the data folder of
 * the embedded store, so that logged-in browsers stay logged in, or made anew at each start where there is no such folder.
 * @param wantsNew makes a new one in place of the old one
 * @throws {StartError} `bad-config`, `data-folder`
 */
export async function findToken(config: ServerConfig, folder: string | null, wantsNew: boolean): Promise<FoundToken> {
  if (wantsNew && (config.token !== null || !needsToken(config))) {
    const why =
      config.token === null ? 'no token is needed on a loopback address' : 'the token is the one of HEADWATER_TOKEN'
    throw new StartError('bad-config', `There is no token to make anew: ${why}. Leave --new-token out.`, 'new-token')
  }
  if (config.token !== null) return { access: AccessToken.of(config.token), secret: config.token, origin: 'given' }
  if (!needsToken(config)) return { access: null, secret: null, origin: 'none' }

  const path = folder === null ? null : join(folder, FILE)
  const kept = path === null || wantsNew ? null : await restore(path)
  if (kept !== null) return { access: kept, secret: null, origin: 'kept' }
  const secret = newToken()
  const access = AccessToken.of(secret)
  if (path !== null) await store(path, access)
  return { access, secret, origin: 'made' }
}

async function restore(path: string): Promise<AccessToken | null> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new StartError('data-folder', `${path} cannot be read. Mend its permissions.`, path, { cause: error })
  }
  try {
    return new AccessToken(v.parse(Stored, JSON.parse(text)))
  } catch (error) {
    // Not made anew by itself: whoever can break the file could then log everybody out, and nobody would know why.
    const message = `${path} is damaged, so no token would be right. Make a new one with --new-token.`
    throw new StartError('data-folder', message, path, { cause: error })
  }
}

// By a second file: a crash leaves the old token or the new one.
async function store(path: string, { hashes }: AccessToken): Promise<void> {
  await writeFile(`${path}.new`, `${JSON.stringify({ version: 1, ...hashes })}\n`, { mode: 0o600 })
  await rename(`${path}.new`, path)
}
