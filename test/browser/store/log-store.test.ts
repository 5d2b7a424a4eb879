import { createIdbMedium } from './idb-medium.ts'
import { runIdbStoreContract } from './idb-store.contract.ts'
import { runLogStoreContract } from './log-store.contract.ts'
import { runRandomLogStore } from './log-store.random.ts'
import { createMemoryMedium } from './memory-medium.ts'

runLogStoreContract('MemoryLogStore', createMemoryMedium)
runLogStoreContract('IdbLogStore', createIdbMedium)
runRandomLogStore('IdbLogStore', 40, createIdbMedium)
runIdbStoreContract('IdbLogStore')
