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
  readonly #tables: LmdbTables

  constructor(options: EmbeddedStoreOptions) {
    const tables = new LmdbTables(options.folder)
    super(tables, options.now)
    this.#tables = tables
  }

  /** Does what only one process may do at a time in this folder. */
  alone<T>(work: () => T): T {
    return this.#tables.alone(work)
  }
}
