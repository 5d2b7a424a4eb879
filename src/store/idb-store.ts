import { DATABASE_NAME } from '../protocol/names.ts'
import { commitChanges, removeStreams, writeChannel } from './idb-commit.ts'
import type { Compacted } from './idb-compact.ts'
import { compactWindow, FIRST_WINDOW } from './idb-compact.ts'
import { IdbHandle } from './idb-handle.ts'
import { readSegments } from './idb-read.ts'
import { Origins, type JoinedRow } from './idb-origins.ts'
import { pruneWindow } from './idb-prune.ts'
import { lifeRecord, streamsOf } from './idb-schema.ts'
import { Requests, writeTransaction } from './idb-transaction.ts'
import type { LogRead, LogStore, RowChange, RowResult, StreamRow } from './log-store.ts'
import { readableRow } from './readable-row.ts'
import { byAge } from './row-order.ts'

/**
 * More records than one read of a compacted log brings: the hub's largest, 60,000 chunks and 2 Mi units, are at most 12 full segments, and of two
 * neighbours one may be nearly empty.
 */
const MANY_RECORDS = 32

/** Streams whose rows are remembered: more than a hub has live at a time. */
const MAX_LAST = 16

/** The log in IndexedDB, shared by every hub of the origin. */
class IdbLogStore implements LogStore {
  readonly durable = true
  readonly #handle: IdbHandle
  readonly #origins = new Origins()
  /** Rows as this store wrote them last; least recently written first. */
  readonly #last = new Map<string, JoinedRow>()
  /** Where each stream's next compaction goes on; without it, the log is looked through from its start. */
  readonly #compacted = new Map<string, Compacted>()
  /** Ended streams that a reader had compacted: once is all that helps, also where text and bytes alternate. */
  readonly #tidied = new Set<string>()

  onlost: (() => void) | null = null

  constructor(handle: IdbHandle) {
    this.#handle = handle
    handle.ongone = () => this.onlost?.()
  }

  row(streamId: string): Promise<StreamRow | undefined> {
    return this.#handle.run('read a stream', async (db) => {
      const joined = await this.#origins.get(db.transaction(['streams', 'origins']), streamId)
      return joined?.row
    })
  }

  rows(channel?: string): Promise<StreamRow[]> {
    return this.#handle.run('list the streams', async (db) => {
      const tx = db.transaction(['streams', 'origins'])
      const streams = tx.objectStore('streams')
      const found = channel === undefined ? streams.getAll() : streams.index('byChannel').getAll(streamsOf(channel))
      const rows = await this.#origins.list(tx, await found)
      return rows.map(({ row }) => row).sort(byAge)
    })
  }

  newest(channel: string): Promise<StreamRow | undefined> {
    return this.#handle.run('find the newest stream of a channel', async (db) => {
      const tx = db.transaction(['streams', 'origins'])
      let cursor = await tx.objectStore('streams').index('byChannel').openCursor(streamsOf(channel), 'prev')
      for (; cursor !== null; cursor = await cursor.continue()) {
        const stored = readableRow(cursor.value)
        if (stored !== undefined) return (await this.#origins.of(tx, stored)).row
      }
      return undefined
    })
  }

  async commit(changes: readonly RowChange[]): Promise<RowResult[]> {
    const { results, rows } = await this.#handle.run('store what arrived', async (db, life) => {
      const write = (known?: ReadonlyMap<string, JoinedRow>): ReturnType<typeof commitChanges> =>
        writeTransaction(db, (tx) => commitChanges(tx, this.#origins, changes, life, known))
      const known = this.#lastOf(changes)
      if (known === undefined) return write()
      try {
        return await write(known)
      } catch (error) {
        // A change that was decided on a row of yesterday may also have thrown; the medium's errors are real.
        if (error instanceof DOMException) throw error
        return write()
      }
    })
    for (const [streamId, joined] of rows) this.#remember(streamId, joined)
    return results
  }

  /** The rows of all these streams as this store wrote them last; `undefined` where it does not know every one. */
  #lastOf(changes: readonly RowChange[]): Map<string, JoinedRow> | undefined {
    const known = new Map<string, JoinedRow>()
    for (const { streamId } of changes) {
      const last = this.#last.get(streamId)
      if (last === undefined) return undefined
      known.set(streamId, last)
    }
    return known
  }

  #remember(streamId: string, joined: JoinedRow): void {
    this.#last.delete(streamId)
    // What has ended is not written again.
    if (joined.row.ending === null) this.#last.set(streamId, joined)
    const [oldest] = this.#last.keys()
    if (this.#last.size > MAX_LAST && oldest !== undefined) this.#last.delete(oldest)
  }

  openChannel(channel: string, decide: (rows: readonly StreamRow[]) => readonly StreamRow[]): Promise<void> {
    return this.#handle.run('open a channel', (db) =>
      writeTransaction(db, (tx) => writeChannel(tx, this.#origins, channel, decide)),
    )
  }

  async readLog(
    streamId: string,
    fromSeq: number,
    limits?: { maxChunks?: number; maxSize?: number },
  ): Promise<LogRead | undefined> {
    const read = await this.#handle.run('read a log', (db) =>
      readSegments(db, this.#origins, streamId, fromSeq, limits),
    )
    if (read !== undefined) this.#tidy(read)
    return read
  }

  /** Compacts an ended stream whose owner died before it could. Not before somebody has read it to its end, whom it would hold up. */
  #tidy({ row, packs, toSeq }: LogRead): void {
    const { streamId, ending, seq } = row
    if (ending === null || toSeq <= seq || packs.length < MANY_RECORDS || this.#tidied.has(streamId)) return
    this.#tidied.add(streamId)
    this.compact(streamId).catch(() => this.#tidied.delete(streamId))
  }

  async compact(streamId: string): Promise<void> {
    let window = { ...(this.#compacted.get(streamId) ?? FIRST_WINDOW), end: false }
    while (!window.end) {
      const now = window
      window = await this.#handle.run('compact a log', (db) =>
        writeTransaction(db, (tx) => compactWindow(tx, streamId, now)),
      )
    }
    this.#compacted.set(streamId, window)
  }

  async prune(streamId: string, maxSize: number): Promise<StreamRow | undefined> {
    for (;;) {
      const { row, more } = await this.#handle.run('delete the start of a log', (db) =>
        writeTransaction(db, (tx) => pruneWindow(tx, this.#origins, streamId, maxSize)),
      )
      if (!more) return row
    }
  }

  async remove(streamIds: readonly string[]): Promise<void> {
    await this.#handle.run('delete streams', (db) => writeTransaction(db, (tx) => removeStreams(tx, streamIds)))
    for (const streamId of streamIds) {
      this.#last.delete(streamId)
      this.#compacted.delete(streamId)
      this.#tidied.delete(streamId)
      this.#origins.forget(streamId)
    }
  }

  async clear(): Promise<void> {
    await this.#handle.run('delete all streams', (db, life) =>
      writeTransaction(db, async (tx) => {
        const requests = new Requests()
        for (const name of tx.objectStoreNames) requests.add(tx.objectStore(name).clear())
        requests.add(tx.objectStore('origins').put(lifeRecord(life)))
        await requests.commit(tx)
      }),
    )
    this.#last.clear()
    this.#compacted.clear()
    this.#tidied.clear()
    this.#origins.clear()
  }

  close(): void {
    this.#handle.close()
  }
}

/**
 * Opens the log of this origin.
 * @param name of the database
 * @throws {HeadwaterError} `store` where the browser has no storage for us (private window, disabled, held by an older tab): go on in memory
 */
export async function openIdbLogStore(name: string = DATABASE_NAME): Promise<LogStore> {
  const handle = new IdbHandle(name)
  await handle.open()
  return new IdbLogStore(handle)
}
