import { openIdbLogStore as open } from '../../../src/store/idb-store.ts'
import type { LogStore, RowChange, RowResult } from '../../../src/store/log-store.ts'
import { reach } from './reach.ts'
import { nextWritesChunks } from './transaction-door.ts'

// eslint-disable-next-line no-restricted-syntax -- stands in for a whole module, whatever it comes to export
export * from '../../../src/store/idb-store.ts'

/** Stands in for the one of `idb-store.ts`. */
export async function openIdbLogStore(...options: Parameters<typeof open>): Promise<LogStore> {
  const store = await open(...options)
  const commit = store.commit.bind(store)
  store.commit = async (changes): Promise<RowResult[]> => {
    let chunks = false
    const watched = changes.map((change): RowChange => {
      const decide: RowChange['decide'] = (row) => {
        const decided = change.decide(row)
        if (decided?.packs !== undefined && decided.packs.length > 0) {
          chunks = true
          nextWritesChunks()
        }
        return decided
      }
      return { ...change, decide }
    })
    const results = await commit(watched)
    if (chunks) await reach('committed')
    return results
  }
  return store
}
