import type { AppendRequest, AppendResult } from '../stream-store.ts'
import { mediaType } from '../stream-store.ts'
import { infoOf } from './stream-row.ts'
import type { ProducerRow, StreamRow } from './tables.ts'

/** `accept`: write it. Everything else is the answer. */
export type AppendDecision = { readonly kind: 'accept' } | AppendResult

/**
 * Whether an append may happen, by the rules of Durable Streams 5.2 and 5.3. Pure, so that every store decides alike.
 *
 * A producer's repetition is recognised before everything else: it was accepted once, whatever happened since.
 */
export function decideAppend(
  row: StreamRow,
  producer: ProducerRow | undefined,
  request: AppendRequest,
): AppendDecision {
  if (row.writer !== (request.writer ?? null)) return { kind: 'not-yours' }
  const tag = request.producer ?? null
  if (tag !== null && producer !== undefined) {
    if (tag.epoch < producer.epoch) return { kind: 'stale-epoch', epoch: producer.epoch }
    if (tag.epoch === producer.epoch && tag.seq <= producer.seq) {
      return { kind: 'duplicate', info: infoOf(row), producer }
    }
  }
  if (row.ending !== null) {
    const closeOnly = request.records.length === 0 && request.ending != null && tag === null
    return closeOnly ? { kind: 'duplicate', info: infoOf(row), producer: null } : { kind: 'closed', info: infoOf(row) }
  }
  if (request.contentType !== null && mediaType(request.contentType) !== mediaType(row.contentType)) {
    return { kind: 'wrong-type', info: infoOf(row) }
  }
  if (tag !== null) {
    const sameEpoch = producer !== undefined && tag.epoch === producer.epoch
    if (!sameEpoch && producer !== undefined && tag.seq !== 0) return { kind: 'bad-epoch-start' }
    const expected = sameEpoch ? producer.seq + 1 : 0
    if (tag.seq !== expected) return { kind: 'seq-gap', expected, received: tag.seq }
  }
  const last = row.lastStreamSeq
  if (request.streamSeq != null && last !== null && compareBytes(request.streamSeq, last) <= 0) {
    return { kind: 'stream-seq', last }
  }
  const bytes = request.records.reduce((sum, { byteLength }) => sum + byteLength, row.bytes)
  if (request.records.length > 0 && bytes > (request.maxBytes ?? Infinity)) return { kind: 'full', info: infoOf(row) }
  return { kind: 'accept' }
}

// Header values are Latin-1, where order by UTF-16 unit is order by byte.
function compareBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
