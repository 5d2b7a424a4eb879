import { HeadwaterError } from '../protocol/errors.ts'
import type { Source, StoredSource } from '../protocol/source.ts'
import type { ChannelOptions } from './api.ts'

/** Attempts after a lost connection, where nobody says otherwise. */
const DEFAULT_RETRIES = 3

/** Headers that may be stored; all others are taken for secrets. */
const STORED_HEADERS = ['accept', 'content-type']

const bad = (what: string, data: unknown): HeadwaterError =>
  new HeadwaterError('bad-source', `The source's ${what}.`, data)

/**
 * An address as it is stored.
 * @throws {HeadwaterError} `bad-source`
 */
export function absolute(url: string): string {
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

/** Whether nothing of an object is left in its JSON, as of a form, a Blob or a Map. */
const isLost = (body: unknown, json: string): boolean =>
  json === '{}' && Object.prototype.toString.call(body) !== '[object Object]'

/**
 * A source as plain data, with what must not be stored apart.
 * @param body the source's, as `encodeBody` makes it
 * @throws {HeadwaterError} `bad-source`
 */
export function storedSource(
  source: Source,
  body: StoredSource['body'] | undefined,
  options: ChannelOptions,
  givesHeaders: boolean,
): { source: StoredSource; secrets?: [string, string][] } {
  const method = (source.method ?? 'GET').toUpperCase()
  const isSafe = method === 'GET' || method === 'HEAD'
  const isJson = typeof body === 'string' && typeof source.body !== 'string'
  if (body === undefined || (isJson && isLost(source.body, body))) {
    throw bad('body is neither text, bytes, nor what JSON takes', null)
  }
  if (body !== null && isSafe) throw bad(`body needs another method: ${method} has none`, method)
  const headers = new Headers(source.headers)
  if (isJson && !headers.has('content-type')) headers.set('content-type', 'application/json')
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
      idempotent: source.idempotent ?? isSafe,
      retries: source.retries ?? options.retries ?? DEFAULT_RETRIES,
      credentials: givesHeaders || secrets.length > 0,
    },
    ...(secrets.length > 0 && { secrets }),
  }
}
