import { createHash, timingSafeEqual } from 'node:crypto'
import { refuse, SECURITY_HEADERS } from './answers.ts'

const COOKIE = 'headwater_token'
/** How long a browser stays logged in, in seconds: a month. */
const COOKIE_LIFE = 30 * 24 * 3600

export interface GuardOptions {
  /** Whether the server can only be reached from its own machine. Then a name that is not of this machine is refused. */
  isLoopback: boolean
  /** What clients must present; `null` where nothing. */
  token: string | null
}

/** Says no to a request, or answers it by itself; `null` lets it pass. */
export type Guard = (request: Request) => Response | null

/**
 * Keeps pages of other origins, and on the network people without the token, from reading or driving the server.
 *
 * - `Host` must name this machine on a loopback address: a foreign name that resolves to 127.0.0.1 (DNS rebinding) is refused.
 * - `Origin`, where a browser sends it, must be the server's own; so must the site, by `Sec-Fetch-Site`. A link from elsewhere may open the app.
 * - No CORS headers are ever sent.
 */
export function createGuard(options: GuardOptions): Guard {
  return (request) => {
    const url = new URL(request.url)
    const host = request.headers.get('host') ?? url.host
    if (options.isLoopback && !isLoopbackName(hostName(host))) {
      return refuse(403, 'bad-host', 'This server answers to localhost and 127.0.0.1 only.')
    }
    if (!isOwnOrigin(request.headers.get('origin'), host)) return foreign()
    if (!isOwnSite(request, url)) return foreign()
    return options.token === null ? null : checkToken(options.token, request, url)
  }
}

const foreign = (): Response =>
  refuse(403, 'bad-origin', 'Pages of other origins may not use this server. Open its own address.')

/** Whether a host, without port, can only be this machine. */
export function isLoopbackName(name: string): boolean {
  return name === 'localhost' || name === '[::1]' || name === '::1' || /^127(\.\d{1,3}){3}$/.test(name)
}

function hostName(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, '')
}

// `null`, the origin of sandboxed frames and local files, is no URL, and so not ours.
function isOwnOrigin(origin: string | null, host: string): boolean {
  if (origin === null) return true
  try {
    const { protocol, host: own } = new URL(origin)
    // Also https: a proxy in front may speak it. An application's own scheme (`capacitor://localhost`) is not ours.
    return /^https?:$/.test(protocol) && own === new URL(`http://${host}`).host
  } catch {
    return false
  }
}

function isOwnSite(request: Request, url: URL): boolean {
  const site = request.headers.get('sec-fetch-site')
  if (site !== 'cross-site' && site !== 'same-site') return true
  const isNavigation =
    request.method === 'GET' &&
    request.headers.get('sec-fetch-mode') === 'navigate' &&
    request.headers.get('sec-fetch-dest') === 'document'
  return isNavigation && !isApi(url.pathname)
}

/** Whether a path is of the API, which the app's files are not. */
export function isApi(path: string): boolean {
  return path === '/v1' || path.startsWith('/v1/') || path === '/metrics'
}

function checkToken(token: string, request: Request, url: URL): Response | null {
  const given = url.searchParams.get('token')
  if (given !== null && request.method === 'GET' && url.pathname === '/') return logIn(token, given)
  if (!isApi(url.pathname)) return null
  const bearer = /^Bearer (.+)$/i.exec(request.headers.get('authorization') ?? '')?.[1]
  const presented = bearer ?? cookieOf(request.headers.get('cookie'))
  if (presented !== undefined && isSame(presented, token)) return null
  return refuse(
    401,
    'unauthorized',
    'A token is needed: open the login link that the server printed, or send it as Bearer.',
    {
      'www-authenticate': 'Bearer',
    },
  )
}

function logIn(token: string, given: string): Response {
  if (!isSame(given, token)) return refuse(401, 'unauthorized', 'This is not the token of this server.')
  const cookie = `${COOKIE}=${encodeURIComponent(token)}; Path=/; Max-Age=${COOKIE_LIFE}; HttpOnly; SameSite=Strict`
  return new Response(null, {
    status: 303,
    headers: { location: '/', 'set-cookie': cookie, 'cache-control': 'no-store', ...SECURITY_HEADERS },
  })
}

function cookieOf(header: string | null): string | undefined {
  const value = header?.match(/(?:^|;\s*)headwater_token=([^;]*)/)?.[1]
  try {
    return value === undefined ? undefined : decodeURIComponent(value)
  } catch {
    return undefined
  }
}

// Digests have one length, so the comparison takes one time.
function isSame(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
