import { isHubScript } from './routes.ts'

/** Cache for hub scripts alone: the precache drops what a new release does not list, but a tab of an older one may still need its hub. */
const HUB_CACHE = 'headwater-hub-scripts'

/** Releases whose hub scripts are kept. An older tab gets the typed error `reload-needed`. */
const RELEASES = 3

/** An entry of the list that the build writes into the service worker. */
export type PrecacheEntry = string | { url: string; revision?: string | null }

/** The path of an entry. */
export function pathOf(entry: PrecacheEntry): string {
  return new URL(typeof entry === 'string' ? entry : entry.url, location.href).pathname
}

/** Adds this release's hub scripts, the newest last, and lets go of those before the last three releases. */
export async function keepHubScripts(entries: readonly PrecacheEntry[]): Promise<void> {
  const cache = await caches.open(HUB_CACHE)
  const urls = entries
    .map(pathOf)
    .filter(isHubScript)
    .map((path) => new URL(path, location.href).href)
  for (const url of urls) {
    const known = await cache.match(url)
    // The name carries the hash, so what is there is right; it moves to the end of the order that `keys` keeps.
    const response = known ?? (await fetch(url, { cache: 'no-cache' }))
    if (!response.ok) throw new Error(`The hub's script ${url} cannot be fetched: status ${response.status}.`)
    await cache.delete(url)
    await cache.put(url, response)
  }
  const keys = await cache.keys()
  const surplus = keys.slice(0, Math.max(0, keys.length - RELEASES * urls.length))
  await Promise.all(surplus.map((request) => cache.delete(request)))
}

/** A hub's script from the cache, where it is kept, else from the network. */
export async function serveHubScript(request: Request): Promise<Response> {
  const kept = await (await caches.open(HUB_CACHE)).match(request.url)
  return kept ?? fetch(request)
}
