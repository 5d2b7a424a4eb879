import * as v from 'valibot'
import type { StreamName } from '../stream-store.ts'
import type { ProducerRow, StoredRecord, StreamRow } from './tables.ts'

/** What a database holds is not what was written there: the disk, or somebody else's hand. The stream it belongs to cannot be read from there on. */
export class DamagedError extends Error {
  override readonly name = 'DamagedError'
  readonly code = 'damaged'

  constructor(what: string, options?: ErrorOptions) {
    super(`${what} is damaged. Restore the database from a copy, or go on without this stream.`, options)
  }
}

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const Name = v.object({ channel: v.string(), run: v.string() })
const Place = v.object({ record: Count, byte: Count })
const Ending = v.looseObject({ kind: v.picklist(['done', 'cancelled', 'error']) })
const Producer = v.object({ epoch: Count, seq: Count })

/** What the rules count with; the rest is only handed on. */
const Row = v.looseObject({
  id: Count,
  channel: v.string(),
  run: v.string(),
  contentType: v.string(),
  records: Count,
  bytes: Count,
  createdAt: v.number(),
  updatedAt: v.number(),
  touchedAt: v.number(),
  ttlSeconds: v.nullable(v.number()),
  expiresAt: v.nullable(v.number()),
  ending: v.nullable(Ending),
  closedBy: v.nullable(v.looseObject({ id: v.string(), epoch: Count, seq: Count })),
  lastStreamSeq: v.nullable(v.string()),
  fork: v.nullable(v.object({ source: Name, sourceId: Count, record: Count, asked: Place, sub: Count })),
  forks: Count,
  gone: v.boolean(),
  writer: v.nullable(v.string()),
  lease: v.optional(v.object({ seconds: v.number(), at: v.number() })),
  chat: v.optional(v.boolean()),
})

/** The id behind a name, as it was stored. @throws {DamagedError} */
export function checkId(value: unknown): number {
  if (v.is(Count, value)) return value
  throw new DamagedError('The name of a stream')
}

/** A row as it was stored. @throws {DamagedError} */
export function checkRow(value: unknown, id: number): StreamRow {
  if (v.is(Row, value) && value.id === id) return value as unknown as StreamRow
  throw new DamagedError(`The row of stream ${id}`)
}

/** The row that a name leads to. @throws {DamagedError} where it is another stream's */
export function checkNamed(row: StreamRow | undefined, { channel, run }: StreamName): StreamRow | undefined {
  if (row === undefined || (row.channel === channel && row.run === run)) return row
  throw new DamagedError('The name of a stream')
}

/** A producer's row as it was stored. @throws {DamagedError} */
export function checkProducer(value: unknown, id: number): ProducerRow {
  if (v.is(Producer, value)) return value
  throw new DamagedError(`What is known of a producer of stream ${id}`)
}

/** A record as it was stored. @throws {DamagedError} */
export function checkRecord(record: StoredRecord, id: number, index: number): StoredRecord {
  if (Number.isSafeInteger(record.start) && record.start >= 0) return record
  throw new DamagedError(`Record ${index} of stream ${id}`)
}

/** What a database answers with. @throws {DamagedError} where it cannot decode it */
export function decoded<T>(what: string, get: () => T): T {
  try {
    return get()
  } catch (cause) {
    throw new DamagedError(what, { cause })
  }
}

/** For lists: what is damaged is left out, so that one stream does not hide all others. */
export function whole<T>(get: () => T): T | undefined {
  try {
    return get()
  } catch (error) {
    if (error instanceof DamagedError) return undefined
    throw error
  }
}
