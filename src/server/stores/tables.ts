import type { Ending } from '../../protocol/chunk.ts'
import type { Place, ProducerTag, StreamChange, StreamName } from '../stream-store.ts'

/** A stream's row. Rows are replaced, never changed in place. */
export interface StreamRow {
  readonly id: number
  readonly channel: string
  readonly run: string
  readonly contentType: string
  readonly records: number
  readonly bytes: number
  readonly createdAt: number
  readonly updatedAt: number
  /** Last read or write, for the sliding expiry. */
  readonly touchedAt: number
  readonly ttlSeconds: number | null
  readonly expiresAt: number | null
  readonly ending: Ending | null
  /** The request that closed the stream, so that its repetition is recognised. */
  readonly closedBy: ProducerTag | null
  readonly lastStreamSeq: string | null
  readonly fork: ForkRow | null
  /** How many streams share a prefix of this one. */
  readonly forks: number
  /** Deleted, kept for its forks. */
  readonly gone: boolean
  readonly writer: string | null
  /** `at`: when its producer was heard last. Absent where it has none (also in rows of before there were leases). */
  readonly lease?: { readonly seconds: number; readonly at: number }
  /** As in `StreamInfo`. Absent in rows of before it was there, when only models wrote. */
  readonly chat?: boolean
}

/** What a stream shares: the records of `source` before `record` are its own. */
export interface ForkRow {
  readonly source: StreamName
  readonly sourceId: number
  readonly record: number
  /** As it was asked for, so that the same request is recognised. */
  readonly asked: Place
  readonly sub: number
}

export interface ProducerRow {
  readonly epoch: number
  readonly seq: number
}

/** One record, and the byte at which it begins. */
export interface StoredRecord {
  readonly start: number
  readonly data: Uint8Array
}

/**
 * The tables behind a store, as one transaction sees them. All calls are synchronous, so that a transaction is a function: it decides first and
 * writes last, and what it throws before the first write changes nothing.
 */
export interface Tables {
  row(name: StreamName): StreamRow | undefined
  rowById(id: number): StreamRow | undefined
  saveRow(row: StreamRow): void
  /** With its records and producers. */
  dropRow(row: StreamRow): void
  producer(id: number, producerId: string): ProducerRow | undefined
  saveProducer(id: number, producerId: string, row: ProducerRow): void
  record(id: number, index: number): StoredRecord | undefined
  /** Records `from` to `to - 1`, in order. */
  recordRange(id: number, from: number, to: number): Iterable<StoredRecord>
  saveRecord(id: number, index: number, record: StoredRecord): void
  /** A number that was never given before. */
  nextId(): number
  /** When a stream of that name was deleted, in milliseconds since the epoch; `undefined` where that is not known. */
  tombstone(name: StreamName): number | undefined
  /** Notes that a stream was deleted at `time`, and forgets those that were deleted before `before`. */
  saveTombstone(name: StreamName, time: number, before: number): void
}

/** Transactions over tables. What is given to them may be run again: until it returned, it has changed nothing. */
export interface TableDatabase {
  read<T>(work: (tables: Tables) => T): T | Promise<T>
  /**
   * Of one channel, or of all; in no particular order. Each row is as it was at some moment since the call: there may be a hundred thousand, and
   * nothing else waits for all of them.
   */
  rows(channel?: string): Promise<StreamRow[]>
  /** Rows with a writer or a lease, and without an ending; as {@link TableDatabase.rows}. */
  unfinishedRows(): Promise<StreamRow[]>
  /**
   * Resolves once the transaction is as durable as the database promises. Transactions are applied in the order of the calls. A database that
   * is shared by processes tells the others of `changesOf` the result, together with the commit.
   */
  write<T>(work: (tables: Tables) => T, changesOf?: (result: T) => readonly StreamChange[]): Promise<T>
  /** For a database that is shared: {@link StreamStore.holdLease}. */
  holdLease?(writer: string, ms: number): Promise<void>
  hasLease?(writer: string): Promise<boolean>
  /** For a database that is shared: called with what other processes committed; `null` where some of it may have been missed. */
  onForeignChange?(listener: (change: StreamChange | null) => void): void
  /** How many rows there are. */
  countRows(): number | Promise<number>
  close(): Promise<void>
}
