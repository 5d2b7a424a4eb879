import { samePlace } from '../offsets.ts'
import type { CreateRequest, CreateResult, ForkRequest, StreamName } from '../stream-store.ts'
import { isJson, mediaType } from '../stream-store.ts'
import { saveRecords } from './append-to.ts'
import { isPlaceOf, placeOf, recordOf } from './read-page.ts'
import { release, resolveRow } from './row-life.ts'
import { infoOf, isExpired } from './stream-row.ts'
import type { ForkRow, StreamRow, Tables } from './tables.ts'

/** One creation, inside a transaction. */
export function createStream(tables: Tables, name: StreamName, request: CreateRequest, now: number): CreateResult {
  const existing = tables.row(name)
  if (existing !== undefined) {
    if (existing.gone) return { kind: 'conflict', info: null }
    if (!isExpired(existing, now)) {
      return { kind: sameConfiguration(existing, request) ? 'exists' : 'conflict', info: infoOf(existing) }
    }
    if (existing.forks > 0) return { kind: 'conflict', info: null }
  }
  const forked = request.fork == null ? null : planFork(tables, request.fork, request.contentType, now)
  if (forked !== null && 'kind' in forked) return forked

  if (existing !== undefined) release(tables, existing, now)
  // After the release: an expired fork of the same source may have changed the source's row.
  const source = forked === null ? undefined : tables.rowById(forked.fork.sourceId)
  if (source !== undefined) tables.saveRow({ ...source, forks: source.forks + 1 })
  const ownExpiry = request.ttlSeconds != null || request.expiresAt != null
  const base: StreamRow = {
    id: tables.nextId(),
    channel: name.channel,
    run: name.run,
    contentType: request.contentType,
    records: forked?.fork.record ?? 0,
    bytes: forked?.bytes ?? 0,
    createdAt: now,
    updatedAt: now,
    touchedAt: now,
    ttlSeconds: ownExpiry ? (request.ttlSeconds ?? null) : (source?.ttlSeconds ?? null),
    expiresAt: ownExpiry ? (request.expiresAt ?? null) : (source?.expiresAt ?? null),
    ending: request.ending ?? null,
    closedBy: null,
    lastStreamSeq: null,
    fork: forked?.fork ?? null,
    forks: 0,
    gone: false,
    writer: request.writer ?? null,
    ...(request.leaseSeconds != null && { lease: { seconds: request.leaseSeconds, at: now } }),
    chat: request.chat ?? false,
  }
  const prefix = forked === null || forked.partial === null ? [] : [forked.partial]
  const row = saveRecords(tables, base, [...prefix, ...(request.records ?? [])])
  tables.saveRow(row)
  return { kind: 'created', info: infoOf(row) }
}

interface ForkPlan {
  readonly fork: ForkRow
  /** Bytes before the fork's first own record. */
  readonly bytes: number
  /** The first bytes of a record that was cut: the fork's own. */
  readonly partial: Uint8Array | null
}

function planFork(
  tables: Tables,
  request: ForkRequest,
  contentType: string,
  now: number,
): ForkPlan | Extract<CreateResult, { kind: 'fork-missing' | 'fork-gone' | 'fork-type' | 'fork-place' }> {
  const source = resolveRow(tables, request.from, now)
  if (source === 'missing') return { kind: 'fork-missing' }
  if (source === 'gone') return { kind: 'fork-gone' }
  if (mediaType(source.contentType) !== mediaType(contentType)) return { kind: 'fork-type' }
  const asked = request.place ?? { record: source.records, byte: source.bytes }
  if (!isPlaceOf(tables, source, asked)) return { kind: 'fork-place' }

  const plan = (record: number, partial: Uint8Array | null): ForkPlan => ({
    fork: { source: request.from, sourceId: source.id, record, asked, sub: request.sub },
    bytes: placeOf(tables, source, record).byte,
    partial,
  })
  if (request.sub === 0) return plan(asked.record, null)
  if (isJson(contentType)) {
    const record = asked.record + request.sub
    return record > source.records ? { kind: 'fork-place' } : plan(record, null)
  }
  const cut = recordOf(tables, source, asked.record)
  if (cut === undefined || asked.record >= source.records || request.sub > cut.data.byteLength) {
    return { kind: 'fork-place' }
  }
  return request.sub === cut.data.byteLength
    ? plan(asked.record + 1, null)
    : plan(asked.record, cut.data.slice(0, request.sub))
}

function sameConfiguration(row: StreamRow, request: CreateRequest): boolean {
  return (
    mediaType(row.contentType) === mediaType(request.contentType) &&
    (row.ending !== null) === (request.ending != null) &&
    sameFork(row, request) &&
    (row.fork !== null && request.ttlSeconds == null && request.expiresAt == null
      ? true // Inherited from the source.
      : row.ttlSeconds === (request.ttlSeconds ?? null) && row.expiresAt === (request.expiresAt ?? null))
  )
}

function sameFork(row: StreamRow, request: CreateRequest): boolean {
  if (row.fork === null || request.fork == null) return row.fork === null && request.fork == null
  const { source, asked, sub } = row.fork
  const { from, place } = request.fork
  return (
    source.channel === from.channel &&
    source.run === from.run &&
    sub === request.fork.sub &&
    (place === null || samePlace(place, asked))
  )
}
