import { openDB, type DBSchema, type IDBPDatabase } from 'idb'
import type { Chunk } from '../../../src/protocol/chunk.ts'
import { packChunks, unpackChunks } from '../../../src/protocol/packed-chunks.ts'
import { applyChange, applyRow, idTaken } from '../../../src/store/apply-change.ts'
import { LogReading } from '../../../src/store/log-reading.ts'
import type { LogRead, LogStore, RowChange, RowResult, StreamRow } from '../../../src/store/log-store.ts'
import { planPruning } from '../../../src/store/plan-pruning.ts'
import { byAge } from '../../../src/store/row-order.ts'

interface ZeroSchema extends DBSchema {
  /** The whole row, in one string. */
  rows: { key: string; value: string }
  /** A record for each chunk, under [streamId, seq]. */
  chunks: { key: [string, number]; value: Omit<Chunk, 'seq'> }
}

const chunksOf = (streamId: string, from = 0, to: number | [] = []): IDBKeyRange =>
  IDBKeyRange.bound([streamId, from], [streamId, to])

/** JSON has no bytes; a source may have some as its body. */
const write = (row: StreamRow): string =>
  JSON.stringify(row, (_, value: unknown) => (value instanceof Uint8Array ? { bytes: [...value] } : value))
const read = (text: string): StreamRow =>
  JSON.parse(text, (_, value: { bytes?: number[] } | null) =>
    Array.isArray(value?.bytes) ? new Uint8Array(value.bytes) : value,
  ) as StreamRow

/** A format that no release had, with records of quite another layout than `headwater-1`: as an older one would be kept by a newer release. */
class ZeroLogStore implements LogStore {
  readonly durable = true
  readonly #db: IDBPDatabase<ZeroSchema>

  constructor(db: IDBPDatabase<ZeroSchema>) {
    this.#db = db
  }

  async row(streamId: string): Promise<StreamRow | undefined> {
    const found = await this.#db.get('rows', streamId)
    return found === undefined ? undefined : read(found)
  }

  async rows(channel?: string): Promise<StreamRow[]> {
    const rows = (await this.#db.getAll('rows')).map(read)
    return rows.filter((row) => channel === undefined || row.channel === channel).sort(byAge)
  }

  async newest(channel: string): Promise<StreamRow | undefined> {
    return (await this.rows(channel)).at(-1)
  }

  async commit(changes: readonly RowChange[]): Promise<RowResult[]> {
    return this.#write(async (tx) => {
      const applied: boolean[] = []
      for (const change of changes) {
        const found = await tx.objectStore('rows').get(change.streamId)
        const decided = applyChange(found === undefined ? undefined : read(found), change)
        applied.push(decided !== null)
        if (decided === null) continue
        if (found === undefined) await tx.objectStore('chunks').delete(chunksOf(change.streamId))
        for (const { seq, ...chunk } of decided.packs.flatMap(unpackChunks)) {
          await tx.objectStore('chunks').put(chunk, [change.streamId, seq])
        }
        await tx.objectStore('rows').put(write(decided.row), change.streamId)
      }
      const rows = await Promise.all(changes.map(({ streamId }) => tx.objectStore('rows').get(streamId)))
      return rows.map((row, i) => ({
        row: row === undefined ? undefined : read(row),
        applied: applied[i] === true,
        life: 0,
      }))
    })
  }

  async openChannel(channel: string, decide: (rows: readonly StreamRow[]) => readonly StreamRow[]): Promise<void> {
    await this.#write(async (tx) => {
      const all = (await tx.objectStore('rows').getAll()).map(read)
      const rows = all.filter((row) => row.channel === channel).sort(byAge)
      for (const { row, isNew } of decide(rows).map((row) => applyRow(channel, rows, row))) {
        if (isNew && all.some(({ streamId }) => streamId === row.streamId)) throw idTaken(row.streamId)
        await tx.objectStore('rows').put(write(row), row.streamId)
      }
    })
  }

  async readLog(
    streamId: string,
    fromSeq: number,
    limits?: { maxChunks?: number; maxSize?: number },
  ): Promise<LogRead | undefined> {
    const tx = this.#db.transaction(['rows', 'chunks'])
    const found = await tx.objectStore('rows').get(streamId)
    if (found === undefined) return undefined
    const reading = new LogReading(read(found), fromSeq, limits)
    let cursor = await tx.objectStore('chunks').openCursor(chunksOf(streamId, fromSeq))
    for (; cursor !== null && !reading.full; cursor = await cursor.continue()) {
      const [, seq] = cursor.key
      const [pack] = packChunks([cursor.value], seq)
      reading.take(seq, pack)
    }
    return reading.result()
  }

  async compact(): Promise<void> {
    // A record is a chunk, for ever.
  }

  async prune(streamId: string, maxSize: number): Promise<StreamRow | undefined> {
    const before = await this.row(streamId)
    const log = await this.readLog(streamId, 1, { maxChunks: Infinity, maxSize: Infinity })
    if (before === undefined || before.ending === null || log === undefined) return before
    const { row, from } = planPruning(before, log.packs, maxSize)
    return this.#write(async (tx) => {
      await tx.objectStore('chunks').delete(chunksOf(streamId, 0, from - 1))
      await tx.objectStore('rows').put(write(row), streamId)
      return row
    })
  }

  async remove(streamIds: readonly string[]): Promise<void> {
    await this.#write(async (tx) => {
      for (const streamId of streamIds) {
        await tx.objectStore('rows').delete(streamId)
        await tx.objectStore('chunks').delete(chunksOf(streamId))
      }
    })
  }

  async clear(): Promise<void> {
    await this.#write(async (tx) => {
      await tx.objectStore('rows').clear()
      await tx.objectStore('chunks').clear()
    })
  }

  close(): void {
    this.#db.close()
  }

  async #write<T>(act: (tx: ReturnType<typeof begin>) => Promise<T>): Promise<T> {
    const tx = begin(this.#db)
    try {
      const result = await act(tx)
      await tx.done
      return result
    } catch (error) {
      tx.done.catch(() => undefined)
      tx.abort()
      throw error
    }
  }
}

const begin = (db: IDBPDatabase<ZeroSchema>) => db.transaction(['rows', 'chunks'], 'readwrite')

export async function openZeroLogStore(name: string): Promise<LogStore> {
  const db = await openDB<ZeroSchema>(name, 1, {
    upgrade: (fresh) => {
      fresh.createObjectStore('rows')
      fresh.createObjectStore('chunks')
    },
  })
  db.addEventListener('versionchange', () => db.close())
  return new ZeroLogStore(db)
}

/** Keys of everything that the database holds. */
export async function keysOfZero(name: string): Promise<IDBValidKey[]> {
  const db = await openDB<ZeroSchema>(name)
  const keys = [...(await db.getAllKeys('rows')), ...(await db.getAllKeys('chunks'))]
  db.close()
  return keys
}
