import { TOMBSTONE_MS } from '../limits.ts'
import type {
  AppendRequest,
  AppendResult,
  ChannelSummary,
  CreateRequest,
  CreateResult,
  Place,
  ReadResult,
  StreamChange,
  StreamInfo,
  StreamName,
  StreamStore,
} from '../stream-store.ts'
import { appendTo } from './append-to.ts'
import { ChangeBus } from './change-bus.ts'
import { createStream } from './create-stream.ts'
import { readPage } from './read-page.ts'
import { release, resolveRow } from './row-life.ts'
import { DamagedError } from './stored-values.ts'
import { infoOf, isExpired, needsRenewal, needsTouch, renewed } from './stream-row.ts'
import type { StreamRow, TableDatabase, Tables } from './tables.ts'

/** A {@link StreamStore} over any {@link TableDatabase}: the rules once, the storage as one likes. */
export class TableStore implements StreamStore {
  readonly #database: TableDatabase
  readonly #now: () => number
  readonly #changes = new ChangeBus()
  #closed: Promise<void> | null = null

  constructor(database: TableDatabase, now: () => number = Date.now) {
    this.#database = database
    this.#now = now
    database.onForeignChange?.((change) => {
      if (change !== null) this.#changes.emit(change)
      else this.#changes.emitMissed()
    })
  }

  /** A transaction, whose changes are told here and, where the database is shared, everywhere. */
  async #write<T>(work: (tables: Tables) => T, changesOf: (result: T) => readonly StreamChange[]): Promise<T> {
    const result = await this.#open().write(work, changesOf)
    for (const change of changesOf(result)) this.#changes.emit(change)
    return result
  }

  async create(name: StreamName, request: CreateRequest): Promise<CreateResult> {
    return this.#write(
      (tables) => createStream(tables, name, request, this.#now()),
      ({ kind }) => (kind === 'created' ? [{ kind, name }] : []),
    )
  }

  async append(name: StreamName, request: AppendRequest): Promise<AppendResult> {
    return this.#write(
      (tables) => appendTo(tables, name, request, this.#now()),
      ({ kind }) => (kind === 'appended' ? [{ kind: request.ending == null ? 'grown' : 'ended', name }] : []),
    )
  }

  async read(name: StreamName, from: Place | 'start' | 'tail', maxBytes: number): Promise<ReadResult> {
    const now = this.#now()
    const readOnce = (): Promise<{ page: ReadResult; touch: boolean }> =>
      this.#read((tables) => {
        const row = resolveRow(tables, name, now)
        return typeof row === 'string'
          ? { page: { kind: row }, touch: false }
          : { page: readPage(tables, row, from, maxBytes), touch: needsTouch(row, now) }
      })
    const { page, touch } = await readOnce().catch((error: unknown) => {
      // Where processes share a database, a stream may be deleted between its row and its records: then there is no row any more.
      if (error instanceof DamagedError) return readOnce()
      throw error
    })
    if (touch) await this.#touch(name)
    return page
  }

  async #read<T>(work: (tables: Tables) => T): Promise<T> {
    return this.#open().read(work)
  }

  async #touch(name: StreamName): Promise<void> {
    await this.#open().write((tables) => {
      const row = resolveRow(tables, name, this.#now())
      if (typeof row !== 'string') tables.saveRow({ ...row, touchedAt: this.#now() })
    })
  }

  async info(name: StreamName): Promise<StreamInfo | 'missing' | 'gone'> {
    return this.#open().read((tables) => {
      const row = resolveRow(tables, name, this.#now())
      return typeof row === 'string' ? row : infoOf(row)
    })
  }

  async remove(name: StreamName): Promise<'removed' | 'missing' | 'gone'> {
    return this.#write(
      (tables) => {
        const row = resolveRow(tables, name, this.#now())
        if (typeof row === 'string') return row
        release(tables, row, this.#now())
        return 'removed'
      },
      (kind) => (kind === 'removed' ? [{ kind, name }] : []),
    )
  }

  async wasRun(name: StreamName): Promise<boolean> {
    const deletedAt = await this.#open().read((tables) => tables.tombstone(name))
    return deletedAt !== undefined && deletedAt >= this.#now() - TOMBSTONE_MS
  }

  async channels(): Promise<readonly ChannelSummary[]> {
    const channels = new Map<string, { newest: StreamRow; runs: number }>()
    for (const row of await this.#visible()) {
      if (row.channel === '') continue
      const known = channels.get(row.channel)
      channels.set(row.channel, {
        newest: known === undefined || row.id > known.newest.id ? row : known.newest,
        runs: (known?.runs ?? 0) + 1,
      })
    }
    return [...channels]
      .sort(([, a], [, b]) => b.newest.id - a.newest.id)
      .map(([channel, { newest, runs }]) => ({ channel, newest: infoOf(newest), runs }))
  }

  async runs(channel: string): Promise<readonly StreamInfo[]> {
    const rows = await this.#visible(channel)
    return rows.sort((a, b) => b.id - a.id).map(infoOf)
  }

  async unfinishedRuns(): Promise<readonly StreamInfo[]> {
    const now = this.#now()
    const rows = await this.#open().unfinishedRows()
    return rows.filter((row) => !row.gone && !isExpired(row, now)).map(infoOf)
  }

  async #visible(channel?: string): Promise<StreamRow[]> {
    const now = this.#now()
    const rows = await this.#open().rows(channel)
    return rows.filter((row) => !row.gone && !isExpired(row, now))
  }

  async renewLease(name: StreamName): Promise<StreamInfo | 'missing' | 'gone'> {
    const row = await this.#open().read((tables) => resolveRow(tables, name, this.#now()))
    if (typeof row === 'string') return row
    if (row.ending !== null || !needsRenewal(row, this.#now())) return infoOf(row)
    return this.#open().write((tables) => {
      const now = this.#now()
      const current = resolveRow(tables, name, now)
      if (typeof current === 'string') return current
      if (current.ending !== null) return infoOf(current)
      const next = renewed(current, now)
      tables.saveRow(next)
      return infoOf(next)
    })
  }

  async endUnrenewed(name: StreamName, at: number): Promise<boolean> {
    return this.#write(
      (tables) => {
        const now = this.#now()
        const row = resolveRow(tables, name, now)
        if (typeof row === 'string' || row.ending !== null || row.lease?.at !== at) return false
        tables.saveRow({ ...row, updatedAt: now, touchedAt: now, ending: { kind: 'error', code: 'producer-lost' } })
        return true
      },
      (ended) => (ended ? [{ kind: 'ended', name }] : []),
    )
  }

  async holdLease(writer: string, ms: number): Promise<void> {
    await this.#open().holdLease?.(writer, ms)
  }

  async hasLease(writer: string): Promise<boolean | null> {
    return (await this.#open().hasLease?.(writer)) ?? null
  }

  async sweep(): Promise<number> {
    const rows = await this.#open().rows()
    let count = 0
    // Each by itself: what others write meanwhile does not wait for all of them.
    for (const { id } of rows.filter((row) => this.#isOver(row))) if (await this.#sweepOne(id)) count += 1
    return count
  }

  async #sweepOne(id: number): Promise<boolean> {
    const removed = await this.#write(
      (tables) => {
        const row = tables.rowById(id)
        if (row === undefined || !this.#isOver(row)) return null
        release(tables, row, this.#now())
        return row
      },
      (row) => (row === null ? [] : [{ kind: 'removed', name: { channel: row.channel, run: row.run } }]),
    )
    return removed !== null
  }

  #isOver(row: StreamRow): boolean {
    return !row.gone && isExpired(row, this.#now())
  }

  async count(): Promise<number> {
    return this.#open().countRows()
  }

  watch(name: StreamName, listener: (change: StreamChange | null) => void): () => void {
    return this.#changes.watch(name, listener)
  }

  watchAll(listener: (change: StreamChange | null) => void): () => void {
    return this.#changes.watchAll(listener)
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#database.close())
  }

  #open(): TableDatabase {
    if (this.#closed !== null) throw new Error('The store is closed.')
    return this.#database
  }
}
