import type { StreamInfo } from '../stream-store.ts'
import type { StreamRow } from './tables.ts'

/** What the outside may know of a row. */
export function infoOf(row: StreamRow): StreamInfo {
  return {
    name: { channel: row.channel, run: row.run },
    id: row.id,
    contentType: row.contentType,
    tail: { record: row.records, byte: row.bytes },
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
    ending: row.ending,
    ttlSeconds: row.ttlSeconds,
    expiresAt: row.expiresAt,
    writer: row.writer,
    lease: row.lease ?? null,
    chat: row.chat ?? row.writer !== null,
  }
}

/** Whether somebody is to notice when the producer of this stream is gone: a process of the server's, or one with a lease. */
export function isAttended(row: StreamRow): boolean {
  return row.writer !== null || row.lease !== undefined
}

/** Whether the producer of this stream writes on, or died over it. */
export function isUnfinished(row: StreamRow): boolean {
  return isAttended(row) && row.ending === null
}

/** The row of a stream whose producer was heard. */
export function renewed(row: StreamRow, now: number): StreamRow {
  return row.lease === undefined ? row : { ...row, lease: { ...row.lease, at: now } }
}

/** Whether a sign of life has to be written down: by twentieths of the lease, as for {@link needsTouch}. */
export function needsRenewal(row: StreamRow, now: number): boolean {
  return row.lease !== undefined && now - row.lease.at >= row.lease.seconds * 50
}

/** Whether a row's time is over: its sliding one since the last touch, which waits for a producer that is silent, or its fixed one. */
export function isExpired(row: StreamRow, now: number): boolean {
  if (row.expiresAt !== null && now >= row.expiresAt) return true
  return row.ttlSeconds !== null && !isUnfinished(row) && now >= row.touchedAt + row.ttlSeconds * 1000
}

/** Whether a read has to renew the sliding expiry. Renewed by twentieths, so that a busy reader does not write with every page. */
export function needsTouch(row: StreamRow, now: number): boolean {
  return row.ttlSeconds !== null && now - row.touchedAt >= row.ttlSeconds * 50
}
