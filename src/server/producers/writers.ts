import type { Ending } from '../../protocol/chunk.ts'
import { HeadwaterError } from '../../protocol/errors.ts'
import { lastChunks } from '../chat/last-chunks.ts'
import { MAX_WRITERS } from '../limits.ts'
import type { CreateResult, StreamInfo, StreamName, StreamStore } from '../stream-store.ts'
import { LogWriter } from './log-writer.ts'

/** How long others leave a stream alone whose process does not speak any more, in milliseconds. Renewed at a third of it. */
const LEASE_MS = 10_000
/**
 * How long a lease has to be missed before its process counts as dead, in milliseconds: where the store was away, nobody could renew one, and
 * whoever lives is back within this time (longer than an attempt to connect and the pause before it, `redis-tables.ts`).
 */
const GRACE_MS = 10_000

const CANCELLED: Ending = { kind: 'cancelled' }
const LOST: Ending = { kind: 'error', code: 'producer-lost' }

const keyOf = (name: StreamName): string => JSON.stringify([name.channel, name.run])

/** What is to be written. */
export interface NewLog {
  readonly contentType: string
  /** It is a run of a model. */
  readonly chat: boolean
  readonly ttlSeconds?: number | null
}

export type Opened =
  | { readonly kind: 'opened'; readonly log: LogWriter }
  /** There is a stream of this name; `null` where it is deleted but still serves its forks. */
  | { readonly kind: 'taken'; readonly info: StreamInfo | null }

export interface WritersOptions {
  readonly store: StreamStore
  /** This process, as the rows of its streams name it. */
  readonly writer: string
  readonly now: () => number
  /** How large a stream may become. */
  readonly maxBytes: number
  /** Told how each run of a model ended here: the code of its ending, or else its kind; `elsewhere` where another process ended it. */
  readonly onRunEnded: (outcome: string) => void
}

/**
 * The streams that this process writes, as a producer or as a model. They belong to no request: readers come and go, a stream ends by itself, by a cancel, or with
 * the process.
 */
export class Writers {
  readonly #store: StreamStore
  readonly #writer: string
  readonly #now: () => number
  readonly #onRunEnded: (outcome: string) => void
  readonly #maxBytes: number
  readonly #live = new Map<string, { readonly log: LogWriter; readonly chat: boolean }>()
  /** Processes whose lease is missed, and since when this one knows. */
  readonly #missed = new Map<string, number>()
  #isClosed = false
  /** Renews the lease of this process, while it writes. */
  #renewal: ReturnType<typeof setInterval> | null = null

  constructor({ store, writer, now, maxBytes, onRunEnded }: WritersOptions) {
    this.#store = store
    this.#now = now
    this.#maxBytes = maxBytes
    this.#onRunEnded = onRunEnded
    this.#writer = writer
  }

  /** How many streams are written now, by models or by producers. */
  count(by: 'models' | 'producers'): number {
    return [...this.#live.values()].filter(({ chat }) => chat === (by === 'models')).length
  }

  /** Creates a stream of this process. @throws {HeadwaterError} `busy`, `closed` */
  async open(name: StreamName, { contentType, chat, ttlSeconds = null }: NewLog): Promise<Opened> {
    this.#checkRoom()
    // Before there is a stream that another process could take for an orphan.
    await this.#holdLease()
    const writer = this.#writer
    const created = await this.#store.create(name, { contentType, writer, chat, ttlSeconds })
    if (created.kind !== 'created') return { kind: 'taken', info: infoOf(created) }
    const lastRecords = wordsOf(chat)
    const log = new LogWriter({ store: this.#store, name, contentType, writer, maxBytes: this.#maxBytes, lastRecords })
    this.#keep(log, chat)
    return { kind: 'opened', log }
  }

  #checkRoom(): void {
    if (this.#isClosed) throw new HeadwaterError('closed', 'This server is closing. Try again soon.')
    if (this.#live.size < MAX_WRITERS) return
    throw new HeadwaterError(
      'busy',
      `This server writes ${MAX_WRITERS} streams already. Try again when some have ended.`,
    )
  }

  #keep(log: LogWriter, chat: boolean): void {
    const key = keyOf(log.name)
    this.#live.set(key, { log, chat })
    void log.over.then(() => {
      this.#live.delete(key)
      if (chat) this.#onRunEnded(log.ending?.code ?? log.ending?.kind ?? 'elsewhere')
      if (this.#live.size === 0) this.#stopRenewal()
    })
    this.#renewal ??= setInterval(() => void this.#holdLease().catch(() => undefined), LEASE_MS / 3)
    // The server was closed while the stream was created.
    if (this.#isClosed) void log.close()
  }

  #holdLease(): Promise<void> {
    return this.#store.holdLease(this.#writer, LEASE_MS)
  }

  #stopRenewal(): void {
    if (this.#renewal !== null) clearInterval(this.#renewal)
    this.#renewal = null
  }

  /**
   * Ends a stream as cancelled, whoever writes it, and tells its producer to stop: at once where it is of this process, else by the store. Resolves
   * once the ending is stored; without effect on a stream that has ended.
   * @throws {HeadwaterError} `store`, where the ending cannot be stored yet: the producer is stopped all the same
   */
  async cancel(name: StreamName, reason?: unknown): Promise<void> {
    const live = this.#live.get(keyOf(name))
    if (live !== undefined) {
      const over = live.log.stop(new HeadwaterError('cancelled', 'The stream was cancelled.', reason), CANCELLED)
      return Promise.race([over, live.log.stalled])
    }
    const info = await this.#store.info(name)
    if (typeof info !== 'string' && info.ending === null) await this.#endForeign(info, CANCELLED)
  }

  /** Ends every stream of this process, which is about to stop. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all([...this.#live.values()].map(({ log }) => log.close()))
  }

  /** Ends the streams whose process is gone: nobody will ever continue them. Returns how many. */
  async endOrphans(): Promise<number> {
    const orphans = (await this.#store.unfinishedRuns()).filter(({ writer }) => writer !== this.#writer)
    const writers = new Set(orphans.flatMap(({ writer }) => writer ?? []))
    for (const writer of this.#missed.keys()) if (!writers.has(writer)) this.#missed.delete(writer)
    const dead = new Set<string>()
    for (const writer of writers) if (await this.#isDead(writer)) dead.add(writer)
    let count = 0
    for (const info of orphans) {
      if (info.writer === null || !dead.has(info.writer)) continue
      await this.#endForeign(info, LOST)
      count += 1
    }
    return count
  }

  async #isDead(writer: string): Promise<boolean> {
    const hasLease = await this.#store.hasLease(writer)
    if (hasLease === null) return true
    // Not before the answer, which may have taken as long as the store was away.
    const now = this.#now()
    const since = this.#missed.get(writer) ?? now
    if (hasLease) this.#missed.delete(writer)
    else this.#missed.set(writer, since)
    return !hasLease && now >= since + GRACE_MS
  }

  async #endForeign({ name, contentType, writer, chat }: StreamInfo, ending: Ending): Promise<void> {
    const records = wordsOf(chat)(ending)
    await this.#store.append(name, { contentType: records.length === 0 ? null : contentType, records, ending, writer })
  }
}

function wordsOf(chat: boolean): (ending: Ending, errorText?: string) => readonly Uint8Array[] {
  return chat ? lastChunks : () => []
}

function infoOf(created: CreateResult): StreamInfo | null {
  return created.kind === 'exists' || created.kind === 'conflict' ? created.info : null
}
