import { LmdbTables } from './lmdb-tables.ts'
import { TableStore } from './table-store.ts'

export interface EmbeddedStoreOptions {
  /** Folder of the database; made where it is missing. One process at a time. */
  folder: string
  /** Milliseconds since the epoch. Default: `Date.now`. */
  now?: () => number
}

/** Streams in an embedded database (LMDB). What was acknowledged survives the death of the process. */
export class EmbeddedStreamStore extends TableStore {
  constructor(options: EmbeddedStoreOptions) {
    super(new LmdbTables(options.folder), options.now)
  }
}
