import { DATABASE_NAME } from '../../../src/protocol/names.ts'
import { isPackedChunks } from '../../../src/protocol/packed-chunks.ts'

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE_NAME)
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error as DOMException)
  })
}

/** Every record of the only stream, as the store keeps them, with nothing around it. Opening the database does not count. */
export async function bareRead(): Promise<{ ms: number; records: number; chunks: number }> {
  const db = await open()
  const start = performance.now()
  const records = await new Promise<unknown[]>((resolve, reject) => {
    const request = db.transaction('segments').objectStore('segments').getAll()
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error as DOMException)
  })
  const ms = performance.now() - start
  db.close()
  const chunks = records.filter(isPackedChunks).reduce((sum, { lengths }) => sum + lengths.length, 0)
  return { ms, records: records.length, chunks }
}
