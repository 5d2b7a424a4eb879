import { setImmediate } from 'node:timers/promises'
import { asBinary, open, TransactionFlags } from 'lmdb'
import type { Database, RootDatabase } from 'lmdb'
import type { StreamName } from '../stream-store.ts'
import { GroupCommit } from './group-commit.ts'
import { checkId, checkNamed, checkProducer, checkRecord, checkRow, decoded, whole } from './stored-values.ts'
import { isUnfinished } from './stream-row.ts'
import type { ProducerRow, StoredRecord, StreamRow, TableDatabase, Tables } from './tables.ts'

// A record is stored behind the byte at which it begins, as a double: exact up to 2^53, like every other count here.
const START_BYTES = 8
// Sorts after every string and number in ordered-binary keys.
const AFTER_ALL = Buffer.from([0xff])

/** How many rows of a list are read before others have their turn. */
const PIECE = 500

const ROWS = 'rows-1'
const NAMES = 'names-1'
const RECORDS = 'records-1'
const PRODUCERS = 'producers-1'
const META = 'meta-1'
const GRAVES = 'graves-1'

// Can be aborted as a whole, and is on the disk when the call returns: with NO_SYNC_FLUSH, too, lmdb 3.5.6 flushes before a synchronous commit
// returns, only later. Not lmdb's own asynchronous writes, because a commit that fails (disk full) rejects promises there that nobody can
// hold (`rejectCommit`), and ends the process.
const COMMIT = TransactionFlags.ABORTABLE | TransactionFlags.SYNCHRONOUS_COMMIT

/**
 * Tables in LMDB. A crash of the process or of the machine leaves the last whole transaction: LMDB writes new pages, flushes them, and then
 * writes one root. Whoever waits for a write waits for the disk, and so does the process meanwhile; {@link GroupCommit} makes that one wait for
 * all that arrived together.
 */
export class LmdbTables implements TableDatabase, Tables {
  readonly #root: RootDatabase
  readonly #commits: GroupCommit
  readonly #rows: Database<StreamRow, number>
  readonly #names: Database<number, [string, string]>
  readonly #records: Database<Buffer, [number, number]>
  readonly #producers: Database<ProducerRow, [number, string]>
  readonly #meta: Database<number, string | [string, string, string]>
  /** Tombstones in order of time. */
  readonly #graves: Database<0, [number, string, string]>
  /**
   * Streams that may be unfinished, once somebody asked: those few are looked at every few seconds, and all rows of a folder were too many. A
   * transaction that fails may leave one here that is not; nothing that is unfinished is missing.
   */
  #unfinished: Set<number> | null = null
  #closed = false

  constructor(folder: string) {
    this.#root = open({ path: folder, maxDbs: 8, noSubdir: false })
    this.#commits = new GroupCommit((work) => this.#root.transactionSync(work, COMMIT))
    this.#rows = this.#root.openDB({ name: ROWS, encoding: 'json', keyEncoding: 'ordered-binary' })
    this.#names = this.#root.openDB({ name: NAMES, encoding: 'json' })
    this.#records = this.#root.openDB({ name: RECORDS, encoding: 'binary' })
    this.#producers = this.#root.openDB({ name: PRODUCERS, encoding: 'json' })
    this.#meta = this.#root.openDB({ name: META, encoding: 'json' })
    this.#graves = this.#root.openDB({ name: GRAVES, encoding: 'json' })
  }

  read<T>(work: (tables: Tables) => T): T {
    return work(this)
  }

  write<T>(work: (tables: Tables) => T): Promise<T> {
    return this.#commits.write(() => work(this))
  }

  /** Runs while no other process is in a transaction that writes; the system ends a dead one's. */
  alone<T>(work: () => T): T {
    return this.#root.transactionSync(work, COMMIT)
  }

  countRows(): number {
    return (this.#rows.getStats() as { entryCount: number }).entryCount
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#commits.flush()
    await this.#root.close()
  }

  row(name: StreamName): StreamRow | undefined {
    const id = decoded('The name of a stream', () => this.#names.get([name.channel, name.run]))
    return id === undefined ? undefined : checkNamed(this.rowById(checkId(id)), name)
  }

  rowById(id: number): StreamRow | undefined {
    const row = decoded(`The row of stream ${id}`, () => this.#rows.get(id))
    return row === undefined ? undefined : checkRow(row, id)
  }

  rows(channel?: string): Promise<StreamRow[]> {
    if (channel === undefined) return this.#inPieces([...this.#rows.getKeys()], (id) => this.rowById(id))
    const names = this.#names.getKeys({ start: [channel, ''], end: [channel, AFTER_ALL] as never })
    return this.#inPieces([...names], ([, run]) => this.row({ channel, run }))
  }

  unfinishedRows(): Promise<StreamRow[]> {
    const ids = (this.#unfinished ??= new Set(this.#rows.getKeys()))
    return this.#inPieces([...ids], (id) => {
      // What cannot be read throws, and is looked at again.
      const row = this.rowById(id)
      if (row !== undefined && isUnfinished(row)) return row
      ids.delete(id)
      return undefined
    })
  }

  /** The rows of many keys, without those that cannot be read. To decode them all at once took a fifth of a second for 20,000. */
  async #inPieces<K>(keys: readonly K[], rowOf: (key: K) => StreamRow | undefined): Promise<StreamRow[]> {
    const rows: StreamRow[] = []
    for (let from = 0; from < keys.length; from += PIECE) {
      if (from > 0) await setImmediate()
      if (this.#closed) throw new Error('The store is closed.')
      for (const key of keys.slice(from, from + PIECE)) {
        const row = whole(() => rowOf(key))
        if (row !== undefined) rows.push(row)
      }
    }
    return rows
  }

  saveRow(row: StreamRow): void {
    const name: [string, string] = [row.channel, row.run]
    const known = whole(() => decoded('The name of a stream', () => this.#names.get(name)))
    if (known !== row.id) void this.#names.put(name, row.id)
    void this.#rows.put(row.id, row)
    if (isUnfinished(row)) this.#unfinished?.add(row.id)
  }

  dropRow(row: StreamRow): void {
    void this.#names.remove([row.channel, row.run])
    void this.#rows.remove(row.id)
    for (const key of [...this.#records.getKeys({ start: [row.id, 0], end: [row.id, Infinity] })]) {
      void this.#records.remove(key)
    }
    for (const key of [...this.#producers.getKeys({ start: [row.id, ''], end: [row.id, AFTER_ALL] as never })]) {
      void this.#producers.remove(key)
    }
  }

  producer(id: number, producerId: string): ProducerRow | undefined {
    const row = decoded(`A producer of stream ${id}`, () => this.#producers.get([id, producerId]))
    return row === undefined ? undefined : checkProducer(row, id)
  }

  saveProducer(id: number, producerId: string, row: ProducerRow): void {
    void this.#producers.put([id, producerId], row)
  }

  record(id: number, index: number): StoredRecord | undefined {
    const value = this.#records.get([id, index])
    return value === undefined ? undefined : decodeRecord(value, id, index)
  }

  *recordRange(id: number, from: number, to: number): Iterable<StoredRecord> {
    for (const { key, value } of this.#records.getRange({ start: [id, from], end: [id, to] })) {
      yield decodeRecord(value, ...key)
    }
  }

  saveRecord(id: number, index: number, record: StoredRecord): void {
    const value = Buffer.allocUnsafe(START_BYTES + record.data.byteLength)
    value.writeDoubleBE(record.start, 0)
    value.set(record.data, START_BYTES)
    void this.#records.put([id, index], asBinary(value) as unknown as Buffer)
  }

  nextId(): number {
    const id = (this.#meta.get('last-id') ?? 0) + 1
    void this.#meta.put('last-id', id)
    return id
  }

  tombstone({ channel, run }: StreamName): number | undefined {
    return this.#meta.get(['gone', channel, run])
  }

  saveTombstone({ channel, run }: StreamName, time: number, before: number): void {
    for (const grave of [...this.#graves.getKeys({ end: [before, '', ''] })]) {
      void this.#graves.remove(grave)
      const [at, ...name] = grave
      // Unless a later one has taken its place.
      if (this.#meta.get(['gone', ...name]) === at) void this.#meta.remove(['gone', ...name])
    }
    void this.#meta.put(['gone', channel, run], time)
    void this.#graves.put([time, channel, run], 0)
  }
}

function decodeRecord(value: Buffer, id: number, index: number): StoredRecord {
  const start = value.byteLength < START_BYTES ? Number.NaN : value.readDoubleBE(0)
  // A copy, because the buffer may be lent by the database for this turn only.
  return checkRecord({ start, data: new Uint8Array(value.subarray(START_BYTES)) }, id, index)
}
