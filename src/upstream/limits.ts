import { HeadwaterError } from '../protocol/errors.ts'

/** The longest event, line or message that is taken: 16 Mi UTF-16 units. A larger one would have to fit into memory several times on its way to the tabs. */
export const MAX_UNIT_LENGTH = 16 * 1024 * 1024

/** The error for a unit above {@link MAX_UNIT_LENGTH}. */
export function tooLarge(unit: string): HeadwaterError {
  return new HeadwaterError(
    'too-large',
    `One ${unit} of the upstream is longer than ${MAX_UNIT_LENGTH} characters. Send it in smaller pieces, or as format 'bytes'.`,
    { limit: MAX_UNIT_LENGTH },
  )
}
