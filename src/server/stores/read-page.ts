import { ZERO } from '../offsets.ts'
import type { Place, ReadResult } from '../stream-store.ts'
import { DamagedError } from './stored-values.ts'
import { infoOf } from './stream-row.ts'
import type { StoredRecord, StreamRow, Tables } from './tables.ts'

/** One page of a stream's records, those of its sources included. */
export function readPage(tables: Tables, row: StreamRow, from: Place | 'start' | 'tail', maxBytes: number): ReadResult {
  const info = infoOf(row)
  const place = from === 'start' ? ZERO : from === 'tail' ? info.tail : from
  if (!isPlaceOf(tables, row, place)) return { kind: 'bad-place', info }
  const records: Uint8Array[] = []
  let bytes = 0
  for (const record of recordsFrom(tables, row, place.record)) {
    // One that is missing would make the next one look like it.
    if (record.start !== place.byte + bytes) throw new DamagedError(`Stream ${row.id} after byte ${place.byte + bytes}`)
    if (records.length > 0 && bytes + record.data.byteLength > maxBytes) break
    records.push(record.data)
    bytes += record.data.byteLength
    if (bytes >= maxBytes) break
  }
  if (records.length === 0 && place.record < row.records) {
    throw new DamagedError(`Stream ${row.id} after byte ${place.byte}`)
  }
  return {
    kind: 'page',
    info,
    records,
    from: place,
    next: { record: place.record + records.length, byte: place.byte + bytes },
  }
}

/** Whether a record of this stream begins at this place, or the stream ends there. */
export function isPlaceOf(tables: Tables, row: StreamRow, place: Place): boolean {
  if (place.record === row.records) return place.byte === row.bytes
  if (place.record > row.records) return false
  const { id } = ownerOf(tables, row, place.record)
  return tables.record(id, place.record)?.start === place.byte
}

/** The place in front of record `index`. */
export function placeOf(tables: Tables, row: StreamRow, index: number): Place {
  if (index >= row.records) return { record: row.records, byte: row.bytes }
  return { record: index, byte: recordOf(tables, row, index)?.start ?? 0 }
}

/** A record by its index in the stream, wherever in its ancestry it is stored. */
export function recordOf(tables: Tables, row: StreamRow, index: number): StoredRecord | undefined {
  return tables.record(ownerOf(tables, row, index).id, index)
}

function* recordsFrom(tables: Tables, row: StreamRow, from: number): Iterable<StoredRecord> {
  let index = from
  while (index < row.records) {
    const { id, end } = ownerOf(tables, row, index)
    yield* tables.recordRange(id, index, end)
    index = end
  }
}

// A fork of a fork: the record lies with the first ancestor whose own records reach down to it.
function ownerOf(tables: Tables, row: StreamRow, index: number): { id: number; end: number } {
  let owner = row
  let end = row.records
  while (owner.fork !== null && index < owner.fork.record) {
    end = Math.min(end, owner.fork.record)
    const source = tables.rowById(owner.fork.sourceId)
    if (source === undefined) throw new DamagedError(`Stream ${owner.fork.sourceId}, which ${owner.id} needs,`)
    owner = source
  }
  return { id: owner.id, end }
}
