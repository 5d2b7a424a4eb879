import type { AppendRequest, AppendResult, StreamName } from '../stream-store.ts'
import { decideAppend } from './decide-append.ts'
import { resolveRow } from './row-life.ts'
import { infoOf, renewed } from './stream-row.ts'
import type { StreamRow, Tables } from './tables.ts'

/** One append, inside a transaction. */
export function appendTo(tables: Tables, name: StreamName, request: AppendRequest, now: number): AppendResult {
  const row = resolveRow(tables, name, now)
  if (typeof row === 'string') return { kind: row }
  const tag = request.producer ?? null
  const decision = decideAppend(row, tag === null ? undefined : tables.producer(row.id, tag.id), request)
  if (decision.kind !== 'accept') return decision

  const ending = request.ending ?? null
  const next: StreamRow = {
    ...saveRecords(tables, renewed(row, now), request.records),
    updatedAt: now,
    touchedAt: now,
    ending,
    closedBy: ending === null ? null : tag,
    lastStreamSeq: request.streamSeq ?? row.lastStreamSeq,
  }
  tables.saveRow(next)
  if (tag !== null) tables.saveProducer(row.id, tag.id, { epoch: tag.epoch, seq: tag.seq })
  return { kind: 'appended', info: infoOf(next), producer: tag === null ? null : { epoch: tag.epoch, seq: tag.seq } }
}

/** Writes records behind a row's tail, and returns the row with its new tail, not yet saved. */
export function saveRecords(tables: Tables, row: StreamRow, records: readonly Uint8Array[]): StreamRow {
  let { records: index, bytes } = row
  for (const data of records) {
    tables.saveRecord(row.id, index, { start: bytes, data })
    index += 1
    bytes += data.byteLength
  }
  return { ...row, records: index, bytes }
}
