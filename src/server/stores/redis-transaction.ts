import type { Redis } from 'ioredis'
import type { StreamName } from '../stream-store.ts'
import type { RedisKeys } from './redis-keys.ts'
import { checkId, checkNamed, checkProducer, checkRecord, checkRow } from './stored-values.ts'
import { isAttended, isUnfinished } from './stream-row.ts'
import type { ProducerRow, StoredRecord, StreamRow, Tables } from './tables.ts'

/** Something is needed that was not fetched yet. What threw it is run again once it is here. */
export class Missing extends Error {
  readonly fetch: () => Promise<void>

  constructor(fetch: () => Promise<void>) {
    super('Not fetched yet.')
    this.fetch = fetch
  }
}

/** A value as Redis has it; `raw: ''` where it has none. Bytes where it is no text: as text, no check would ever find it again. */
interface Held<T> {
  readonly raw: string | Buffer
  readonly value: T | undefined
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function held<T>(bytes: Buffer | null | undefined): Held<T> {
  if (bytes == null) return { raw: '', value: undefined }
  try {
    const raw = utf8.decode(bytes)
    return { raw, value: parse(raw) as T }
  } catch {
    return { raw: bytes, value: null as T }
  }
}

// What is no JSON is judged where it is used: only there is it known what it should have been.
function parse(raw: string): unknown {
  try {
    return JSON.parse(raw)
  } catch {
    return null
  }
}

/** Rows, names and producers that are remembered, so that an append costs one round trip. */
const MAX_KNOWN = 10_000
/** About how many bytes of records are fetched at once, and how many records at most. */
const FETCH_BYTES = 1024 * 1024
const FETCH_RECORDS = 2_000
/** Records, and bytes of them, after which a transaction takes no further call: Redis does nothing else meanwhile, and takes a million words at once. */
const FULL_RECORDS = 10_000
const FULL_BYTES = 4 * 1024 * 1024

const placeOf = (key: string, field: string): string => `${key} ${field}`

/** What was read or written last, by {@link placeOf}. Wrong as soon as another process writes: every commit checks it. */
export class RedisKnowledge {
  readonly #held = new Map<string, Held<unknown>>()

  get(place: string): Held<unknown> | undefined {
    return this.#held.get(place)
  }

  /** What was set longest ago makes room. */
  set(place: string, value: Held<unknown>): void {
    this.#held.delete(place)
    this.#held.set(place, value)
    if (this.#held.size <= MAX_KNOWN) return
    for (const oldest of this.#held.keys()) return void this.#held.delete(oldest)
  }

  delete(place: string): void {
    this.#held.delete(place)
  }
}

type Word = string | number | Buffer

/** One transaction's view of the tables: what is known, under what it wrote itself. */
export class RedisTransaction implements Tables {
  readonly #redis: Redis
  readonly #keys: RedisKeys
  readonly #known: RedisKnowledge
  // Fetched for this transaction, and kept while its work is run again, however much it is.
  /** By {@link placeOf}. */
  readonly #fetched = new Map<string, Held<unknown>>()
  /** `null` where there is none. */
  readonly #records = new Map<number, Map<number, StoredRecord | null>>()
  readonly #tombstones = new Map<string, number | undefined>()
  readonly #ids: number[] = []
  // Made anew by each run.
  #idsGiven = 0
  /** By {@link placeOf}: what it was decided by. */
  #checks = new Map<string, { key: string; field: string; read: Held<unknown> }>()
  /** By {@link placeOf}; `undefined` where it is deleted. */
  #written = new Map<string, { key: string; field: string; value: unknown }>()
  #writtenRecords = new Map<number, Map<number, StoredRecord>>()
  #size = { records: 0, bytes: 0 }
  #commands: Word[][] = []

  constructor(redis: Redis, keys: RedisKeys, known: RedisKnowledge) {
    this.#redis = redis
    this.#keys = keys
    this.#known = known
  }

  /** Runs until nothing is missing any more. */
  async run<T>(work: () => T): Promise<T> {
    for (;;) {
      this.#idsGiven = 0
      this.#checks = new Map()
      this.#written = new Map()
      this.#writtenRecords = new Map()
      this.#size = { records: 0, bytes: 0 }
      this.#commands = []
      try {
        return work()
      } catch (error) {
        if (!(error instanceof Missing)) throw error
        await error.fetch()
      }
    }
  }

  /** Whether it is large enough, for now. */
  get isFull(): boolean {
    return this.#size.records >= FULL_RECORDS || this.#size.bytes >= FULL_BYTES
  }

  /** What must still hold: key, field, value. */
  get checks(): [key: string, field: string, raw: string | Buffer][] {
    return [...this.#checks.values()].map(({ key, field, read }) => [key, field, read.raw])
  }

  /** What is to be done then. */
  commands(): Word[][] {
    const fields = [...this.#written.values()].map(({ key, field, value }): Word[] =>
      value === undefined ? ['HDEL', key, field] : ['HSET', key, field, JSON.stringify(value)],
    )
    const records = [...this.#writtenRecords].flatMap(([id, records]) =>
      [...records].map(([index, { start, data }]): Word[] => {
        const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
        return ['XADD', this.#keys.log(id), `${index + 1}-0`, 'start', start, 'data', bytes]
      }),
    )
    return [...fields, ...records, ...this.#commands]
  }

  /** It was committed: what it checked and what it wrote is known from now on. */
  keep(): void {
    for (const [place, { read }] of this.#checks) this.#known.set(place, read)
    for (const [place, { value }] of this.#written) {
      this.#known.set(place, { raw: value === undefined ? '' : JSON.stringify(value), value })
    }
  }

  /** It was refused: what it had read is not what is there. */
  forget(): void {
    for (const place of this.#checks.keys()) this.#known.delete(place)
  }

  #get<T>(key: string, field: string): T | undefined {
    const place = placeOf(key, field)
    const own = this.#written.get(place)
    if (own !== undefined) return own.value as T | undefined
    const read = this.#fetched.get(place) ?? this.#known.get(place)
    if (read === undefined) {
      throw new Missing(async () => void this.#fetched.set(place, held(await this.#redis.hgetBuffer(key, field))))
    }
    this.#checks.set(place, { key, field, read })
    return read.value as T | undefined
  }

  #judged<T>(key: string, field: string, check: (value: unknown) => T): T | undefined {
    const value = this.#get<unknown>(key, field)
    if (value === undefined) return undefined
    try {
      return check(value)
    } catch (error) {
      // Nothing was decided by it, and it may be mended.
      const place = placeOf(key, field)
      this.#checks.delete(place)
      this.#fetched.delete(place)
      this.#known.delete(place)
      throw error
    }
  }

  #set(key: string, field: string, value: unknown): void {
    this.#written.set(placeOf(key, field), { key, field, value })
  }

  row(name: StreamName): StreamRow | undefined {
    const id = this.#judged(this.#keys.names, this.#keys.field(name), checkId)
    return id === undefined ? undefined : checkNamed(this.rowById(id), name)
  }

  rowById(id: number): StreamRow | undefined {
    return this.#judged(this.#keys.rows, String(id), (row) => checkRow(row, id))
  }

  saveRow(row: StreamRow): void {
    this.#set(this.#keys.rows, String(row.id), row)
    this.#set(this.#keys.names, this.#keys.field(row), row.id)
    if (!this.#isListed(row)) this.#commands.push(['SADD', this.#keys.runs(row.channel), row.id])
    if (isAttended(row)) {
      this.#commands.push([isUnfinished(row) ? 'SADD' : 'SREM', this.#keys.unfinished, row.id])
    }
  }

  /** Only a new row is not. */
  #isListed(row: StreamRow): boolean {
    return this.#checks.get(placeOf(this.#keys.rows, String(row.id)))?.read.value !== undefined
  }

  dropRow(row: StreamRow): void {
    const { rows, names } = this.#keys
    this.#set(rows, String(row.id), undefined)
    const field = this.#keys.field(row)
    if (this.#get<number>(names, field) === row.id) this.#set(names, field, undefined)
    this.#writtenRecords.delete(row.id)
    this.#commands.push(
      ['SREM', this.#keys.runs(row.channel), row.id],
      ['SREM', this.#keys.unfinished, row.id],
      ['DEL', this.#keys.producers(row.id), this.#keys.log(row.id)],
    )
  }

  producer(id: number, producerId: string): ProducerRow | undefined {
    return this.#judged(this.#keys.producers(id), producerId, (row) => checkProducer(row, id))
  }

  saveProducer(id: number, producerId: string, row: ProducerRow): void {
    this.#set(this.#keys.producers(id), producerId, row)
  }

  record(id: number, index: number): StoredRecord | undefined {
    return this.#recordOf(id, index, index + 1)
  }

  *recordRange(id: number, from: number, to: number): Iterable<StoredRecord> {
    for (let index = from; index < to; index++) {
      const record = this.#recordOf(id, index, to)
      // Deleted while it was read: whoever reads on finds no stream.
      if (record === undefined) return
      yield record
    }
  }

  #recordOf(id: number, index: number, to: number): StoredRecord | undefined {
    const own = this.#writtenRecords.get(id)?.get(index)
    if (own !== undefined) return own
    const record = this.#records.get(id)?.get(index)
    if (record === undefined) throw new Missing(() => this.#fetchRecords(id, index, to))
    return record === null ? undefined : checkRecord(record, id, index)
  }

  async #fetchRecords(id: number, from: number, to: number): Promise<void> {
    const row = this.#checks.get(placeOf(this.#keys.rows, String(id)))?.read.value as StreamRow | undefined
    const mean = row === undefined || row.records === 0 ? 1 : Math.max(1, row.bytes / row.records)
    const count = Math.max(1, Math.min(to - from, FETCH_RECORDS, Math.ceil(FETCH_BYTES / mean)))
    const found = await this.#redis.xrangeBuffer(this.#keys.log(id), `${from + 1}-0`, `${to}-0`, 'COUNT', count)
    const records = this.#records.get(id) ?? new Map<number, StoredRecord | null>()
    records.set(from, null)
    for (const [entry, words] of found) {
      const index = Number(entry.toString().split('-', 1)[0]) - 1
      const start = words.length === 4 ? Number(words[1]?.toString()) : Number.NaN
      records.set(index, { start, data: new Uint8Array(words[3] ?? []) })
    }
    this.#records.set(id, records)
  }

  saveRecord(id: number, index: number, record: StoredRecord): void {
    const records = this.#writtenRecords.get(id) ?? new Map<number, StoredRecord>()
    this.#writtenRecords.set(id, records.set(index, record))
    this.#size.records += 1
    this.#size.bytes += record.data.byteLength
  }

  nextId(): number {
    const id = this.#ids[this.#idsGiven]
    if (id === undefined) {
      throw new Missing(async () => void this.#ids.push(await this.#redis.incr(this.#keys.lastId)))
    }
    this.#idsGiven += 1
    return id
  }

  tombstone(name: StreamName): number | undefined {
    const field = this.#keys.field(name)
    if (this.#tombstones.has(field)) return this.#tombstones.get(field)
    throw new Missing(async () => {
      const time = await this.#redis.zscore(this.#keys.tombstones, field)
      this.#tombstones.set(field, time === null ? undefined : Number(time))
    })
  }

  saveTombstone(name: StreamName, time: number, before: number): void {
    const { tombstones } = this.#keys
    this.#commands.push(['ZADD', tombstones, time, this.#keys.field(name)])
    this.#commands.push(['ZREMRANGEBYSCORE', tombstones, '-inf', `(${before}`])
  }
}
