import { Requests as Issued } from '../../../src/store/idb-transaction.ts'
import type { WriteTransaction } from '../../../src/store/idb-transaction.ts'
import { reach } from './reach.ts'

// eslint-disable-next-line no-restricted-syntax -- stands in for a whole module, whatever it comes to export
export * from '../../../src/store/idb-transaction.ts'

let chunksDecided = false

/** The transaction that is deciding now will write chunks. */
export function nextWritesChunks(): void {
  chunksDecided = true
}

/** Stands in for the one of `idb-transaction.ts`. */
export class Requests extends Issued {
  readonly #writesChunks = chunksDecided

  constructor() {
    super()
    // Made in the task that decided; what is decided next is another's.
    chunksDecided = false
  }

  override async commit(tx: WriteTransaction): Promise<void> {
    if (this.#writesChunks) {
      let go = false
      const asked = reach('appended').then(() => (go = true))
      // Only requests keep a transaction open.
      while (!go) await tx.objectStore('streams').getKey('nothing has this key')
      await asked
    }
    await super.commit(tx)
  }
}
