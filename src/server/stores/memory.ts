import { MemoryTables } from './memory-tables.ts'
import { TableStore } from './table-store.ts'

export interface MemoryStoreOptions {
  /** Milliseconds since the epoch. Default: `Date.now`. */
  now?: () => number
}

/** Streams in this process's memory: gone with it. For tests, and for servers that need no more. */
export class MemoryStreamStore extends TableStore {
  constructor(options: MemoryStoreOptions = {}) {
    super(new MemoryTables(), options.now)
  }
}
