import { deferred } from './deferred.ts'
import { HeadwaterError } from '../protocol/errors.ts'
import type { PackedChunks } from '../protocol/packed-chunks.ts'
import { endSeq } from '../protocol/packed-chunks.ts'
import type { LogStore, StreamRow } from '../store/log-store.ts'
import { coverRun } from './batch.ts'
import { ReadWindow, type LogRun } from './read-window.ts'
import { TailCache } from './tail-cache.ts'

/** Whoever wants to know that the session moved: cursors, watchers. */
export interface StreamListener {
  /** Whether it gets chunks, not merely snapshots. Default false. */
  readonly reads?: boolean
  /** The row changed, or (undefined) the stream was deleted. With another `createdAt` it is another stream, which was started under this id since. */
  moved(): void
  /** What was shown of the stream may be another one's: it has to be shown again from its start. */
  rewound?(): void
}

/** One stream as a hub knows it without owning it: its row as last read, and its log for whoever reads. */
export class FollowedStream {
  readonly streamId: string
  readonly listeners = new Set<StreamListener>()
  /** Aborts when the hub lets go of the stream. */
  protected readonly closed = new AbortController()
  readonly #store: LogStore
  readonly #cache = new TailCache()
  readonly #window: ReadWindow
  #row: StreamRow | undefined
  #change = deferred()
  #refreshing: Promise<void> | null = null
  #refreshAgain = false
  /** When the stream was created that was deleted last: news of it, still under way, must not bring it back. */
  #removed: number | null = null

  constructor(store: LogStore, row: StreamRow) {
    this.#store = store
    this.#window = new ReadWindow(store, row.streamId)
    this.#row = row
    this.streamId = row.streamId
  }

  /** The row as last read; undefined once the stream was deleted. */
  get row(): StreamRow | undefined {
    return this.#row
  }

  /** Takes in what a transaction or a read showed. Older news than what is known is no news. */
  learn(row: StreamRow | undefined, packs: readonly PackedChunks[] = []): void {
    const same = row?.createdAt === this.#row?.createdAt
    if (row !== undefined && row.createdAt === this.#removed) return
    if (row !== undefined && this.#row !== undefined && same && row.version < this.#row.version) return
    if (!same) {
      this.#cache.clear()
      this.#window.clear()
    }
    if (packs.length > 0) this.#cache.append(packs)
    if (same && row?.version === this.#row?.version && packs.length === 0) return
    this.#row = row
    this.signalChange()
    for (const listener of [...this.listeners]) listener.moved()
  }

  /** The stream was deleted, for good. */
  remove(): void {
    this.#removed = this.#row?.createdAt ?? this.#removed
    this.learn(undefined)
  }

  /** The log goes on from another place than this hub thought: nothing durable stood behind what it showed. */
  replace(row: StreamRow): void {
    this.#cache.clear()
    this.#window.clear()
    this.#row = row
    this.signalChange()
    for (const listener of [...this.listeners]) {
      if (listener.rewound) listener.rewound()
      else listener.moved()
    }
  }

  /** The end of the log, as far as it is in memory. */
  get tail(): readonly PackedChunks[] {
    return this.#cache.packs
  }

  /** Reads the row again: a ping came, or it is time (hand-over rule 11). Asked during a read, it reads once more. */
  refresh(): Promise<void> {
    this.#refreshAgain = true
    return (this.#refreshing ??= this.#readRow())
  }

  async #readRow(): Promise<void> {
    while (this.#refreshAgain) {
      this.#refreshAgain = false
      try {
        this.learn(await this.#store.row(this.streamId))
      } catch {
        // The store reopens by itself; the next refresh comes within seconds.
      }
    }
    this.#refreshing = null
  }

  /** Resolves with the row once it is as wanted. Rejects with `unknown-stream` when the stream is deleted, `closed` when the hub goes. */
  async until(wanted: (row: StreamRow) => boolean): Promise<StreamRow> {
    for (;;) {
      if (this.#row === undefined) throw new HeadwaterError('unknown-stream', 'The stream was deleted.', this.streamId)
      if (wanted(this.#row)) return this.#row
      if (this.closed.signal.aborted) throw new HeadwaterError('closed', 'The hub is closing.')
      await this.#change.promise
    }
  }

  /**
   * A run of the log from `next` on with the row of the same read, or `null` where nothing is committed there.
   * From memory for whoever keeps up, else from the store.
   */
  async read(next: number): Promise<LogRun | null> {
    const row = this.#row
    if (row === undefined || next > row.seq) return null
    const cached = this.#cache.read(next)
    const last = cached?.[cached.length - 1]
    if (cached && last) {
      const toSeq = endSeq(last)
      return { run: coverRun(row, next, toSeq, cached), row, own: false }
    }
    const read = await this.#window.read(next, this.listeners.size <= 1)
    if (read === null) {
      this.learn(undefined)
      return null
    }
    // Deleted, or deleted and started again, while the store was read.
    if (this.#row?.createdAt !== read.row.createdAt) {
      // Else whoever reads would ask again at once, and get the same answer.
      await this.refresh()
      return null
    }
    this.learn(read.row)
    // The window may be older than the row; what it holds is the same in both, so the newer one goes with it (rule 9).
    return { ...read, row: this.#row }
  }

  /** Resolves at the next change of anything that somebody may wait for. */
  protected get changed(): Promise<void> {
    return this.#change.promise
  }

  protected signalChange(): void {
    this.#change.resolve()
    this.#change = deferred()
  }
}
