import { HeadwaterError } from '../protocol/errors.ts'

/** What the browser's storage threw, as a `store` error that says what to do. An error of ours passes unchanged. */
export function toStoreError(cause: unknown, doing: string): HeadwaterError {
  if (cause instanceof HeadwaterError) return cause
  const name = cause instanceof Error ? cause.name : 'Error'
  const why = cause instanceof Error ? cause.message : String(cause)
  const advice =
    name === 'QuotaExceededError'
      ? 'The storage that the browser allows this site is used up; delete streams, or free disk space.'
      : `The browser's storage failed (${name}: ${why}). Nothing already stored is lost; reload to try again.`
  return new HeadwaterError('store', `Could not ${doing}. ${advice}`, { name }, { cause })
}

/**
 * Names under which browsers say that the medium itself is to blame: full, closed or deleted under us, broken, refused, of a newer version. The
 * last two are ours. Anything else (a value that cannot be cloned, a bug of the caller's) would fail on any medium.
 */
const MEDIUM_FAILURES = new Set([
  'QuotaExceededError',
  'InvalidStateError',
  'AbortError',
  'UnknownError',
  'TimeoutError',
  'SecurityError',
  'NotFoundError',
  'NotReadableError',
  'OperationError',
  'VersionError',
  'NoIndexedDB',
  'Blocked',
])

function nameOf(error: unknown): string | undefined {
  if (!(error instanceof HeadwaterError) || error.code !== 'store') return undefined
  return (error.data as { name?: string } | undefined)?.name
}

/** Whether a store failed because its medium did. */
export function isMediumFailure(error: unknown): boolean {
  return MEDIUM_FAILURES.has(nameOf(error) ?? '')
}

/** Whether a store failed because there is no room left. */
export function isQuotaFailure(error: unknown): boolean {
  return nameOf(error) === 'QuotaExceededError'
}
