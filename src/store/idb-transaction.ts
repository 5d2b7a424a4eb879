import type { IDBPTransaction } from 'idb'
import type { LogDatabase, LogSchema } from './idb-schema.ts'

const STORES = ['streams', 'origins', 'segments'] as const satisfies (keyof LogSchema)[]

export type WriteTransaction = IDBPTransaction<LogSchema, ('streams' | 'origins' | 'segments')[], 'readwrite'>

/**
 * One readwrite transaction: all that `write` requests, or nothing. `write` may await requests of this transaction only, as an await on
 * anything else ends it. Relaxed durability survives the death of worker and tab; a power cut alone can take the last moment.
 */
export async function writeTransaction<T>(db: LogDatabase, write: (tx: WriteTransaction) => Promise<T>): Promise<T> {
  const tx = db.transaction([...STORES], 'readwrite', { durability: 'relaxed' })
  try {
    const result = await write(tx)
    await tx.done
    return result
  } catch (error) {
    try {
      tx.abort()
    } catch {
      // It has ended by itself.
    }
    // A full disk fails the transaction, not a request: those say AbortError only.
    const end: unknown = await tx.done.then(
      () => null,
      (reason: unknown) => reason,
    )
    throw error instanceof DOMException && error.name === 'AbortError' && end !== null ? end : error
  }
}

/** Collects requests that are issued in one go, and commits without another round trip through this thread. */
export class Requests {
  readonly #issued: Promise<unknown>[] = []

  add(request: Promise<unknown>): void {
    // Where issuing a later one throws, nobody awaits this one.
    request.catch(() => undefined)
    this.#issued.push(request)
  }

  async commit(tx: WriteTransaction): Promise<void> {
    tx.commit()
    await Promise.all(this.#issued)
  }
}
