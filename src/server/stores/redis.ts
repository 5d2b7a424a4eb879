import { RedisTables, type RedisTablesOptions } from './redis-tables.ts'
import { TableStore } from './table-store.ts'

export interface RedisStoreOptions extends RedisTablesOptions {
  /** Milliseconds since the epoch. Default: `Date.now`. Processes that share a Redis should agree on the time. */
  now?: () => number
}

/**
 * Streams in Redis or Valkey (7 or newer), shared by any number of processes. As durable as Redis is set to be: what was acknowledged survives the death
 * of every process of ours; for the death of Redis itself it needs `appendonly yes` and `appendfsync always`. While Redis is away, calls wait.
 */
export class RedisStreamStore extends TableStore {
  readonly #tables: RedisTables

  constructor(options: RedisStoreOptions) {
    const tables = new RedisTables(options)
    super(tables, options.now)
    this.#tables = tables
  }

  /** Resolves once Redis answered. @throws {Error} where it does not within `timeoutMs` (default 5 s) */
  ready(timeoutMs = 5_000): Promise<void> {
    return this.#tables.ready(timeoutMs)
  }
}
