import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join, resolve, sep } from 'node:path'
import { getMimeType } from 'hono/utils/mime'
import { refuse, SECURITY_HEADERS } from './answers.ts'

/** Nothing from elsewhere, nothing inline: elements set computed sizes through the CSSOM, which needs no permission. */
const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "style-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const HEADERS = {
  ...SECURITY_HEADERS,
  'content-security-policy': CSP,
  'cross-origin-opener-policy': 'same-origin',
} as const

/** The bundler writes a hash into the name of what it puts here: such a file never changes. */
const HASHED = /^\/assets\/.*-[\w-]{8,}\.\w+$/
const IMMUTABLE = 'public, max-age=31536000, immutable'

/** The files of the built app; a navigation to an address without a file gets `index.html`. */
export function createStaticFiles(folder: string): (request: Request) => Promise<Response> {
  const root = resolve(folder)
  return async (request) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return refuse(405, 'bad-method', 'This address can only be read.', { allow: 'GET, HEAD' })
    }
    const { pathname } = new URL(request.url)
    const path = safePath(pathname)
    const file = path === null ? null : await openFile(join(root, path === '/' ? 'index.html' : path), root)
    if (file !== null) return answer(request, file, path === '/' ? '/index.html' : (path ?? ''))
    const index = isNavigation(request) ? await openFile(join(root, 'index.html'), root) : null
    if (index !== null) return answer(request, index, '/index.html')
    return refuse(404, 'not-found', 'There is nothing at this address.')
  }
}

// Decoded once; what then still climbs, hides or is no text is nobody's file.
function safePath(pathname: string): string | null {
  try {
    const path = decodeURIComponent(pathname)
    return path.includes('\0') || path.includes('\\') || path.split('/').some((part) => part.startsWith('.'))
      ? null
      : path
  } catch {
    return null
  }
}

async function openFile(path: string, root: string): Promise<FileHandle | null> {
  if (!path.startsWith(root + sep)) return null
  const file = await open(path, 'r').catch(() => null)
  if (file === null) return null
  const stat = await file.stat()
  if (stat.isFile()) return file
  await file.close()
  return null
}

async function answer(request: Request, file: FileHandle, path: string): Promise<Response> {
  try {
    const { size, mtimeMs } = await file.stat()
    const etag = `"${size.toString(36)}-${Math.floor(mtimeMs).toString(36)}"`
    const headers = {
      ...HEADERS,
      etag,
      'content-type': getMimeType(path) ?? 'application/octet-stream',
      'cache-control': HASHED.test(path) ? IMMUTABLE : 'no-cache',
    }
    if (request.headers.get('if-none-match') === etag) return new Response(null, { status: 304, headers })
    if (request.method === 'HEAD')
      return new Response(null, { headers: { ...headers, 'content-length': String(size) } })
    return new Response(new Uint8Array(await file.readFile()), { headers })
  } finally {
    await file.close()
  }
}

// By `Accept`, which only a navigation fills with `text/html`; browsers of before 2023 send no `Sec-Fetch-Mode`.
function isNavigation(request: Request): boolean {
  return (request.headers.get('accept') ?? '').includes('text/html')
}
