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
