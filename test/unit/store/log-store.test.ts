import 'fake-indexeddb/auto'
import { createIdbMedium } from '../../browser/store/idb-medium.ts'
import { runIdbStoreContract } from '../../browser/store/idb-store.contract.ts'
import { runLogStoreContract } from '../../browser/store/log-store.contract.ts'
import { runRandomLogStore } from '../../browser/store/log-store.random.ts'
import { createMemoryMedium } from '../../browser/store/memory-medium.ts'
import {
  createOverlayOnFullMedium,
  createOverlayOnIdb,
  createOverlayOnMemory,
} from '../../browser/store/overlay-media.ts'
import { runSuccessorContract } from '../../browser/store/successor-store.contract.ts'
import { createTwoFormats } from '../../browser/store/two-formats.ts'

runLogStoreContract('MemoryLogStore', createMemoryMedium)
runRandomLogStore('MemoryLogStore', 200, createMemoryMedium)
runLogStoreContract('IdbLogStore on a simulated IndexedDB', createIdbMedium)
runRandomLogStore('IdbLogStore on a simulated IndexedDB', 20, createIdbMedium)
runIdbStoreContract('IdbLogStore on a simulated IndexedDB')

runLogStoreContract('OverlayLogStore on memory', createOverlayOnMemory)
runLogStoreContract('OverlayLogStore on a simulated IndexedDB', createOverlayOnIdb)
runLogStoreContract('OverlayLogStore on a full medium', createOverlayOnFullMedium)
runRandomLogStore('OverlayLogStore on a full medium', 200, createOverlayOnFullMedium)

runLogStoreContract('a log in two formats, on a simulated IndexedDB', createTwoFormats)
runRandomLogStore('a log in two formats, on a simulated IndexedDB', 10, createTwoFormats)
runSuccessorContract('a simulated IndexedDB')
