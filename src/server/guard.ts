import { refuse, SECURITY_HEADERS } from './answers.ts'
import type { AccessToken } from './door/access-token.ts'
import { addressOf } from './plain-request.ts'
import type { PlainRequest } from './plain-request.ts'

const COOKIE = 'headwater_session'
/** How long a browser stays logged in, in seconds: a month. */
const COOKIE_LIFE = 30 * 24 * 3600

export interface GuardOptions {
  /** Whether the server can only be reached from its own machine. Then a name that is not of this machine is refused. */
  isLoopback: boolean
  /** What clients must present; `null` where nothing. */
  token: AccessToken | null
  /** Further names under which the server may be addressed, as `Host` has them. Where there are some, others are refused. Default: none. */
  hosts?: readonly string[]
  /** Other origins whose pages may use the server. Default: none. */
  origins?: readonly string[]
}

/** Says no to a request, or answers it by itself; `null` lets it pass. @param url that of the request, where it has been parsed already */
export type Guard = (request: PlainRequest, url?: URL) => Response | null

/**
 * Keeps pages of other origins, and on the network people without the token, from reading or driving the server.
 *
 * - `Host` must name this machine on a loopback address, or be one of `hosts`: a foreign name that resolves to 127.0.0.1 (DNS rebinding) is refused.
 * - `Origin`, where a browser sends it, must be the server's own or one of `origins`; so must the site, by `Sec-Fetch-Site`. A link from elsewhere may open the app.
 * - A preflight of one of `origins` passes without the token, which browsers do not send with it. It does nothing.
 */
export function createGuard(options: GuardOptions): Guard {
  const hosts = new Set(options.hosts)
  const origins = new Set(options.origins)
  const isOwnHost = (host: string): boolean => {
    if (!options.isLoopback && hosts.size === 0) return true
    return hosts.has(host.toLowerCase()) || isLoopbackName(hostName(host))
  }
  return (request, url = addressOf(request)) => {
    const host = request.headers.get('host') ?? url.host
    if (!isOwnHost(host)) {
      return refuse(403, 'bad-host', 'This server does not answer to this name. It does to localhost, 127.0.0.1 and the names in HEADWATER_HOSTS.') // prettier-ignore
    }
    const origin = request.headers.get('origin')
    const isAllowed = origin !== null && origins.has(origin)
    if (!isAllowed && !(isOwnOrigin(origin, host) && isOwnSite(request, url))) return foreign()
    if (isAllowed && isPreflight(request)) return null
    return options.token === null ? null : checkToken(options.token, request, url)
  }
}

/** Whether a browser asks what a page of another origin may do (https://fetch.spec.whatwg.org/#cors-preflight-request). */
export function isPreflight(request: PlainRequest): boolean {
  return request.method === 'OPTIONS' && request.headers.has('access-control-request-method')
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

function isOwnSite(request: PlainRequest, url: URL): boolean {
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

interface Presented {
  readonly as: 'login' | 'bearer' | 'session'
  readonly value: string
}

function presentedIn(request: PlainRequest, url: URL): Presented | null {
  const given = url.searchParams.get('token')
  if (given !== null && request.method === 'GET' && url.pathname === '/') return { as: 'login', value: given }
  if (!isApi(url.pathname)) return null
  const bearer = /^Bearer (.+)$/i.exec(request.headers.get('authorization') ?? '')?.[1]
  if (bearer !== undefined) return { as: 'bearer', value: bearer }
  const session = cookieOf(request.headers.get('cookie'))
  return session === undefined ? null : { as: 'session', value: session }
}

/** Whether a request presents a token, or a session, which is made out of the token and so guessed with it. */
export function presentsToken(request: PlainRequest, url: URL): boolean {
  return presentedIn(request, url) !== null
}

function checkToken(token: AccessToken, request: PlainRequest, url: URL): Response | null {
  const presented = presentedIn(request, url)
  if (presented?.as === 'login') return logIn(token, presented.value, request)
  if (!isApi(url.pathname)) return null
  if (presented?.as === 'bearer' && token.isToken(presented.value)) return null
  if (presented?.as === 'session' && token.isSession(presented.value)) return null
  const message = 'A token is needed: open the login link that the server printed, or send it as Bearer.'
  return refuse(401, 'unauthorized', message, { 'www-authenticate': 'Bearer' })
}

function logIn(token: AccessToken, given: string, request: PlainRequest): Response {
  const session = token.logIn(given)
  if (session === null) return refuse(401, 'unauthorized', 'This is not the token of this server.')
  // Whoever lies here about the way that the request came only makes a cookie that the own browser keeps back.
  const isSecure = request.headers.get('x-forwarded-proto') === 'https'
  const cookie = `${COOKIE}=${session}; Path=/; Max-Age=${COOKIE_LIFE}; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`
  return new Response(null, {
    status: 303,
    headers: { location: '/', 'set-cookie': cookie, 'cache-control': 'no-store', ...SECURITY_HEADERS },
  })
}

function cookieOf(header: string | null): string | undefined {
  return header?.match(/(?:^|;\s*)headwater_session=([\w-]*)/)?.[1]
}
