import { HeadwaterError } from '../protocol/errors.ts'
import type { Source, StoredSource } from '../protocol/source.ts'
import type { ChannelOptions } from './api.ts'

/** Attempts after a lost connection, where nobody says otherwise. */
const DEFAULT_RETRIES = 3

/** Headers that may be stored; all others are taken for secrets. */
const STORED_HEADERS = ['accept', 'content-type']

const bad = (what: string, data: unknown): HeadwaterError =>
  new HeadwaterError('bad-source', `The source's ${what}.`, data)

function absolute(url: string): string {
  let parsed: URL
  try {
    parsed = new URL(url, document.baseURI)
  } catch {
    throw bad('url is not an address', url)
  }
  if (!/^https?:$/.test(parsed.protocol)) throw bad('url must be http: or https:', url)
  // The address is stored and shown.
  if (parsed.username || parsed.password) throw bad('url must not hold a user name or password; use headers', null)
  return parsed.href
}

function encodeBody(body: unknown): { body: StoredSource['body']; type: string | null } {
  if (body == null) return { body: null, type: null }
  if (typeof body === 'string') return { body, type: null }
  if (body instanceof ArrayBuffer) return { body: new Uint8Array(body), type: null }
  if (ArrayBuffer.isView(body))
    return { body: new Uint8Array(body.buffer, body.byteOffset, body.byteLength), type: null }
  try {
    return { body: JSON.stringify(body), type: 'application/json' }
  } catch {
    throw bad('body cannot be written as JSON', null)
  }
}

/**
 * A source as plain data, with what must not be stored apart.
 * @throws {HeadwaterError} `bad-source`
 */
export function storedSource(
  given: Source | string,
  options: ChannelOptions,
  givesHeaders: boolean,
): { source: StoredSource; secrets: [string, string][] | undefined } {
  const source: Source = typeof given === 'string' ? { url: given } : given
  const method = (source.method ?? 'GET').toUpperCase()
  const { body, type } = encodeBody(source.body)
  const headers = new Headers(source.headers)
  if (type && !headers.has('content-type')) headers.set('content-type', type)
  const stored: [string, string][] = []
  const secrets: [string, string][] = []
  headers.forEach((value, name) => (STORED_HEADERS.includes(name) ? stored : secrets).push([name, value]))
  const dialect = source.dialect ?? options.dialect ?? null
  return {
    source: {
      url: absolute(source.url),
      method,
      headers: stored,
      body,
      format: source.format ?? options.format ?? 'auto',
      dialect: typeof dialect === 'string' ? dialect : (dialect?.name ?? null),
      terminal: typeof dialect === 'string' ? null : (dialect?.terminal ?? null),
      resume: source.resume === undefined ? null : absolute(source.resume),
      cancel: source.cancel === undefined ? null : absolute(source.cancel),
      idempotent: source.idempotent ?? (method === 'GET' || method === 'HEAD'),
      retries: source.retries ?? options.retries ?? DEFAULT_RETRIES,
      credentials: givesHeaders || secrets.length > 0,
    },
    secrets: secrets.length > 0 ? secrets : undefined,
  }
}
