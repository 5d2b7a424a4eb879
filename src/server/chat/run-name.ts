import { nanoid } from 'nanoid'
import { Refusal } from '../answers.ts'
import { MAX_KEY_LENGTH } from '../limits.ts'

/**
 * The name of a new run: from the `Idempotency-Key` and nothing else, so that a repeated request finds the run of the first one; by chance
 * where there is no key.
 * @throws {Refusal} 400 where the key is empty or too long
 */
export async function nameRun(idempotencyKey: string | null): Promise<string> {
  if (idempotencyKey === null) return `run-${nanoid()}`
  if (idempotencyKey === '' || idempotencyKey.length > MAX_KEY_LENGTH) {
    throw new Refusal(400, 'bad-header', `Idempotency-Key must have 1 to ${MAX_KEY_LENGTH} characters.`)
  }
  // A digest, because a key may hold what a name may not, and is nobody's business in a URL.
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(idempotencyKey))
  const hex = Array.from(new Uint8Array(digest, 0, 16), (byte) => byte.toString(16).padStart(2, '0'))
  return `run-${hex.join('')}`
}
