import type { StreamName } from '../stream-store.ts'

/** The keys of the tables. All are in one slot of a cluster, because a transaction needs them together. */
export class RedisKeys {
  readonly #prefix: string

  constructor(prefix: string) {
    this.#prefix = `{${prefix}}:`
  }

  /** Hash: id of a stream → its row as JSON. */
  get rows(): string {
    return `${this.#prefix}rows`
  }

  /** Hash: {@link RedisKeys.field} of a stream's name → its id. */
  get names(): string {
    return `${this.#prefix}names`
  }

  /** Sorted set of {@link RedisKeys.field}s, by when they were deleted. */
  get tombstones(): string {
    return `${this.#prefix}tombstones-2`
  }

  /** The last id given. */
  get lastId(): string {
    return `${this.#prefix}last-id`
  }

  /** Channel for announcements of changes. */
  get changes(): string {
    return `${this.#prefix}changes`
  }

  /** Set of the ids of a channel's runs. */
  runs(channel: string): string {
    return `${this.#prefix}runs:${channel}`
  }

  /** Set of the ids of open streams whose producer may be gone without a word. */
  get unfinished(): string {
    return `${this.#prefix}unfinished`
  }

  /** There for as long as a writer's lease runs. */
  lease(writer: string): string {
    return `${this.#prefix}lease:${writer}`
  }

  /** Hash: id of a producer → its row as JSON. */
  producers(id: number): string {
    return `${this.#prefix}producers:${id}`
  }

  /** Redis Stream of a stream's records: the entry of record n has the id `<n + 1>-0`, so that none can be written twice. */
  log(id: number): string {
    return `${this.#prefix}log:${id}`
  }

  /** Says that a transaction was applied. */
  transaction(id: string): string {
    return `${this.#prefix}transaction:${id}`
  }

  field(name: StreamName): string {
    return JSON.stringify([name.channel, name.run])
  }
}
