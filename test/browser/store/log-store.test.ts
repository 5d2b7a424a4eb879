import { createIdbMedium } from './idb-medium.ts'
import { runIdbStoreContract } from './idb-store.contract.ts'
import { runLogStoreContract } from './log-store.contract.ts'
import { runRandomLogStore } from './log-store.random.ts'
import { createMemoryMedium } from './memory-medium.ts'
import { createOverlayOnIdb } from './overlay-media.ts'
import { runSuccessorContract } from './successor-store.contract.ts'

runLogStoreContract('MemoryLogStore', createMemoryMedium)
runLogStoreContract('IdbLogStore', createIdbMedium)
runRandomLogStore('IdbLogStore', 40, createIdbMedium)
runIdbStoreContract('IdbLogStore')
runLogStoreContract('OverlayLogStore on IndexedDB', createOverlayOnIdb)
runRandomLogStore('OverlayLogStore on IndexedDB', 20, createOverlayOnIdb)
runSuccessorContract('IndexedDB')
