import type { StreamName } from '../stream-store.ts'
import { isUnfinished } from './stream-row.ts'
import type { ProducerRow, StoredRecord, StreamRow, TableDatabase, Tables } from './tables.ts'

const keyOf = (name: StreamName): string => JSON.stringify([name.channel, name.run])

/** Tables in this process's memory. */
export class MemoryTables implements TableDatabase, Tables {
  readonly #channels = new Map<string, Map<string, StreamRow>>()
  readonly #byId = new Map<number, StreamRow>()
  readonly #producers = new Map<number, Map<string, ProducerRow>>()
  // Sparse at the front for forks, whose first records are their source's.
  readonly #records = new Map<number, Map<number, StoredRecord>>()
  /** In order of time. */
  readonly #tombstones = new Map<string, number>()
  #lastId = 0

  read<T>(work: (tables: Tables) => T): T {
    return work(this)
  }

  write<T>(work: (tables: Tables) => T): Promise<T> {
    // Called at once, so that order of calls is order of commits; a throw becomes a rejection all the same.
    try {
      return Promise.resolve(work(this))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  countRows(): number {
    return this.#byId.size
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  row(name: StreamName): StreamRow | undefined {
    return this.#channels.get(name.channel)?.get(name.run)
  }

  rowById(id: number): StreamRow | undefined {
    return this.#byId.get(id)
  }

  rows(channel?: string): Promise<StreamRow[]> {
    const rows = channel === undefined ? this.#byId : this.#channels.get(channel)
    return Promise.resolve([...(rows?.values() ?? [])])
  }

  async unfinishedRows(): Promise<StreamRow[]> {
    return (await this.rows()).filter(isUnfinished)
  }

  saveRow(row: StreamRow): void {
    const runs = this.#channels.get(row.channel) ?? new Map<string, StreamRow>()
    this.#channels.set(row.channel, runs.set(row.run, row))
    this.#byId.set(row.id, row)
  }

  dropRow(row: StreamRow): void {
    const runs = this.#channels.get(row.channel)
    runs?.delete(row.run)
    if (runs?.size === 0) this.#channels.delete(row.channel)
    this.#byId.delete(row.id)
    this.#producers.delete(row.id)
    this.#records.delete(row.id)
  }

  producer(id: number, producerId: string): ProducerRow | undefined {
    return this.#producers.get(id)?.get(producerId)
  }

  saveProducer(id: number, producerId: string, row: ProducerRow): void {
    const producers = this.#producers.get(id) ?? new Map<string, ProducerRow>()
    this.#producers.set(id, producers.set(producerId, row))
  }

  record(id: number, index: number): StoredRecord | undefined {
    return this.#records.get(id)?.get(index)
  }

  *recordRange(id: number, from: number, to: number): Iterable<StoredRecord> {
    for (let index = from; index < to; index++) {
      const record = this.record(id, index)
      if (record !== undefined) yield record
    }
  }

  saveRecord(id: number, index: number, record: StoredRecord): void {
    const records = this.#records.get(id) ?? new Map<number, StoredRecord>()
    this.#records.set(id, records.set(index, record))
  }

  nextId(): number {
    return ++this.#lastId
  }

  tombstone(name: StreamName): number | undefined {
    return this.#tombstones.get(keyOf(name))
  }

  saveTombstone(name: StreamName, time: number, before: number): void {
    const key = keyOf(name)
    this.#tombstones.delete(key)
    this.#tombstones.set(key, time)
    for (const [old, at] of this.#tombstones) {
      if (at >= before) return
      this.#tombstones.delete(old)
    }
  }
}
