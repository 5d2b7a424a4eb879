import { deleteDB, openDB } from 'idb'
import { openIdbLogStore } from '../../../src/store/idb-store.ts'
import type { Medium } from './log-store.contract.ts'

let made = 0

export interface IdbMedium extends Medium {
  name: string
  /** Overwrites a record behind the store's back. */
  damage(store: 'segments' | 'streams' | 'origins', key: IDBValidKey, value: unknown): Promise<void>
  /** All records of an object store, as they are stored. */
  records(store: 'segments'): Promise<unknown[]>
  /** Keys of all records of streams in an object store. */
  keys(store: 'segments' | 'streams' | 'origins'): Promise<IDBValidKey[]>
}

/** A fresh database in IndexedDB, real or simulated. */
export async function createIdbMedium(): Promise<IdbMedium> {
  const name = `test-${++made}-${Math.random().toString(36).slice(2)}`
  return {
    name,
    open: () => openIdbLogStore(name),
    remove: () => deleteDB(name),
    async damage(store, key, value) {
      const db = await openDB(name)
      await (store === 'segments' ? db.put(store, value, key) : db.put(store, value))
      db.close()
    },
    async records(store) {
      const db = await openDB(name)
      const records: unknown[] = await db.getAll(store)
      db.close()
      return records
    },
    async keys(store) {
      const db = await openDB(name)
      const keys = await db.getAllKeys(store)
      db.close()
      // One record is no stream's: it names the life of the database.
      return keys.filter((key) => key !== '')
    },
  }
}
