import { Requests as Issued } from '../../../src/store/idb-transaction.ts'
import type { WriteTransaction } from '../../../src/store/idb-transaction.ts'
import { reach } from './reach.ts'

// eslint-disable-next-line no-restricted-syntax -- stands in for a whole module, whatever it comes to export
export * from '../../../src/store/idb-transaction.ts'

let writesChunks = false

/** The transaction that is deciding now will write chunks. */
export function nextWritesChunks(): void {
  writesChunks = true
}

/** Stands in for the one of `idb-transaction.ts`. */
export class Requests extends Issued {
  override async commit(tx: WriteTransaction): Promise<void> {
    if (writesChunks) {
      writesChunks = false
      let go = false
      const asked = reach('appended').then(() => (go = true))
      // Only requests keep a transaction open.
      while (!go) await tx.objectStore('streams').getKey('nothing has this key')
      await asked
    }
    await super.commit(tx)
  }
}
