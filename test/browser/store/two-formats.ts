import { deleteDB } from 'idb'
import { openIdbLogStore } from '../../../src/store/idb-store.ts'
import type { LogStore } from '../../../src/store/log-store.ts'
import { openLogStore } from '../../../src/store/open-log-store.ts'
import { openZeroLogStore } from './format-zero.ts'
import { createIdbMedium, type IdbMedium } from './idb-medium.ts'

/** Two databases: a release that knows both formats opens them together, the one before it only the older. */
export interface TwoFormats {
  newer: IdbMedium
  olderName: string
  /** As the newer release opens its log. */
  open(): Promise<LogStore>
  /** As the earlier release does. */
  openOlder(): Promise<LogStore>
  remove(): Promise<void>
}

export async function createTwoFormats(): Promise<TwoFormats> {
  const newer = await createIdbMedium()
  const olderName = `${newer.name}-0`
  const openOlder = (): Promise<LogStore> => openZeroLogStore(olderName)
  return {
    newer,
    olderName,
    open: () => openLogStore(() => openIdbLogStore(newer.name), [openOlder]),
    openOlder,
    remove: async () => {
      await newer.remove()
      await deleteDB(olderName)
    },
  }
}
