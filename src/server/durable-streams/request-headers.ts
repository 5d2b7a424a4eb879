import type { Ending } from '../../protocol/chunk.ts'
import { decodeEnding, HEADER, MAX_LEASE_SECONDS } from '../../protocol/http.ts'
import { Refusal } from '../answers.ts'
import { MAX_TOKEN_LENGTH } from '../limits.ts'
import { decodeOffset } from '../offsets.ts'
import type { PlainHeaders } from '../plain-request.ts'
import { parseStreamPath } from '../stream-path.ts'
import type { ForkRequest, ProducerTag } from '../stream-store.ts'

const FORKED_FROM = 'stream-forked-from'
const FORK_OFFSET = 'stream-fork-offset'
const FORK_SUB_OFFSET = 'stream-fork-sub-offset'
const RFC3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/

const bad = (message: string): Refusal => new Refusal(400, 'bad-header', message)

/** A count in decimal, without sign or leading zeros. @throws {Refusal} 400 */
function count(value: string, name: string): number {
  const number = /^(0|[1-9]\d{0,15})$/.test(value) ? Number(value) : Number.NaN
  if (Number.isSafeInteger(number)) return number
  throw bad(`${name} must be a whole number in decimal, without sign or leading zeros.`)
}

/** Expiry of a new stream. @throws {Refusal} 400 */
export function readExpiry(headers: PlainHeaders): { ttlSeconds: number | null; expiresAt: number | null } {
  const ttl = headers.get(HEADER.ttl)
  const at = headers.get(HEADER.expiresAt)
  if (ttl !== null && at !== null) throw bad('Send Stream-TTL or Stream-Expires-At, not both.')
  const expiresAt = at === null ? null : RFC3339.test(at) ? Date.parse(at) : Number.NaN
  if (Number.isNaN(expiresAt)) throw bad('Stream-Expires-At must be a timestamp of RFC 3339.')
  return { ttlSeconds: ttl === null ? null : count(ttl, 'Stream-TTL'), expiresAt }
}

/** For how many seconds a stream waits for its producer; `null` where for ever. @throws {Refusal} 400 */
export function readLease(headers: PlainHeaders): number | null {
  const value = headers.get(HEADER.lease)
  if (value === null) return null
  const seconds = count(value, 'Stream-Lease')
  if (seconds >= 1 && seconds <= MAX_LEASE_SECONDS) return seconds
  throw bad(`Stream-Lease must be 1 to ${MAX_LEASE_SECONDS} seconds.`)
}

/** How a request closes its stream; `null` where it does not. @throws {Refusal} 400 */
export function readEnding(headers: PlainHeaders): Ending | null {
  const closes = headers.get(HEADER.closed)?.toLowerCase() === 'true'
  const value = headers.get(HEADER.ending)
  if (!closes) {
    if (value !== null) throw bad('Stream-Ending needs Stream-Closed: true.')
    return null
  }
  const ending = decodeEnding(value)
  if (ending.code === 'bad-ending') {
    throw bad('Stream-Ending must be JSON of {"kind": "done" | "cancelled" | "error", "code"?, "exitCode"?}.')
  }
  return ending
}

/** The producer of an append; `null` where there is none. @throws {Refusal} 400 */
export function readProducer(headers: PlainHeaders): ProducerTag | null {
  const id = headers.get(HEADER.producerId)
  const epoch = headers.get(HEADER.producerEpoch)
  const seq = headers.get(HEADER.producerSeq)
  if (id === null && epoch === null && seq === null) return null
  if (id === null || epoch === null || seq === null) {
    throw bad('Send Producer-Id, Producer-Epoch and Producer-Seq together.')
  }
  if (id === '' || id.length > MAX_TOKEN_LENGTH) throw bad(`Producer-Id must have 1 to ${MAX_TOKEN_LENGTH} characters.`)
  return { id, epoch: count(epoch, 'Producer-Epoch'), seq: count(seq, 'Producer-Seq') }
}

/** `Stream-Seq`; `null` where there is none. @throws {Refusal} 400 */
export function readStreamSeq(headers: PlainHeaders): string | null {
  const value = headers.get(HEADER.seq)
  if (value !== null && value.length > MAX_TOKEN_LENGTH) {
    throw bad(`Stream-Seq must have at most ${MAX_TOKEN_LENGTH} characters.`)
  }
  return value
}

/** What a new stream shares with another; `null` where it shares nothing. @throws {Refusal} 400 */
export function readFork(headers: PlainHeaders): ForkRequest | null {
  const from = headers.get(FORKED_FROM)
  const offset = headers.get(FORK_OFFSET)
  const sub = headers.get(FORK_SUB_OFFSET)
  if (from === null) {
    if (offset !== null || sub !== null) throw bad('Stream-Fork-Offset and -Sub-Offset need Stream-Forked-From.')
    return null
  }
  const place = offset === null ? null : decodeOffset(offset)
  if (offset !== null && place === null) throw bad('Stream-Fork-Offset must be an offset of the source.')
  const units = sub === null ? 0 : count(sub, 'Stream-Fork-Sub-Offset')
  if (units > 0 && place === null) throw bad('Stream-Fork-Sub-Offset needs Stream-Fork-Offset.')
  return { from: parseStreamPath(pathOf(from)), place, sub: units }
}

function pathOf(address: string): string {
  try {
    return new URL(address, 'http://localhost').pathname
  } catch {
    throw bad('Stream-Forked-From must be the path of a stream.')
  }
}
