import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/** What may be stored of a token: enough to recognise it, not enough to present it. SHA-256 in hexadecimal. */
export interface TokenHashes {
  readonly token: string
  readonly session: string
}

/** 192 bits: nobody guesses it, so that one round of a hash is enough to keep it. */
const TOKEN_BYTES = 24

/** A token that nobody had before. */
export function newToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url')
}

/**
 * What a logged-in browser holds in the token's place: made out of the token, and no way back. Every process that knows the token makes the
 * same one, so that a restart, or another server behind the same proxy, knows the browser again.
 */
function sessionOf(token: string): string {
  return createHmac('sha256', token).update('headwater session 1').digest('base64url')
}

/** The token of a server, as the server knows it: by its hashes alone. */
export class AccessToken {
  readonly hashes: TokenHashes

  constructor(hashes: TokenHashes) {
    this.hashes = hashes
  }

  static of(token: string): AccessToken {
    return new AccessToken({ token: hash(token), session: hash(sessionOf(token)) })
  }

  /** Whether this is the token. Takes the same time for every wrong one. */
  isToken(given: string): boolean {
    return isSame(hash(given), this.hashes.token)
  }

  /** Whether this is what {@link logIn} gave. */
  isSession(given: string): boolean {
    return isSame(hash(given), this.hashes.session)
  }

  /** The session for a token; `null` where it is not the one. */
  logIn(given: string): string | null {
    return this.isToken(given) ? sessionOf(given) : null
  }
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

// Of hashes, which have one length.
function isSame(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))
}
