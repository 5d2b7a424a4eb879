import { HeadwaterError } from '../protocol/errors.ts'
import { MAX_LEASE_SECONDS } from '../protocol/http.ts'
import type { UploadTarget } from '../protocol/upload.ts'
import type { Destination } from './api.ts'
import { absolute } from './stored-source.ts'

/** Seconds: a browser that is offline for less goes on. */
const DEFAULT_LEASE = 300

const bad = (what: string, data: unknown): HeadwaterError =>
  new HeadwaterError('bad-source', `The destination's ${what}.`, data)

/**
 * A destination as plain data, with what must not be stored apart.
 * @throws {HeadwaterError} `bad-source`
 */
export function uploadTarget(
  to: string | URL | Destination,
  givesHeaders: boolean,
): { upload: UploadTarget; secrets?: [string, string][] } {
  const given: Destination = typeof to === 'string' || to instanceof URL ? { url: to } : to
  const { url, contentType = null, lease = DEFAULT_LEASE } = given
  if (!Number.isSafeInteger(lease) || lease < 1 || lease > MAX_LEASE_SECONDS) {
    throw bad(`lease must be 1 to ${MAX_LEASE_SECONDS} seconds`, lease)
  }
  const secrets = [...new Headers(given.headers)]
  const upload = { url: absolute(String(url)), contentType, lease, credentials: givesHeaders || secrets.length > 0 }
  return { upload, ...(secrets.length > 0 && { secrets }) }
}
