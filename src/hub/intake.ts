import type { PackedChunks } from '../protocol/packed-chunks.ts'
import type { Journal } from '../store/journal.ts'
import type { LogStore, StreamRow } from '../store/log-store.ts'
import type { UpstreamFrame } from '../upstream/upstream.ts'
import { append, joinFrames } from './row-changes.ts'

/** How much may wait for the transaction in flight before reading pauses, so that back-pressure reaches the socket. In units of data and in chunks. */
const HIGH_WATER_SIZE = 4 * 1024 * 1024
const HIGH_WATER_CHUNKS = 50_000
/** Small segments are joined in the background after so many appends. */
const COMPACT_EVERY = 128

export interface IntakeOptions {
  journal: Journal
  store: LogStore
  now: () => number
  epoch: number
  row: () => StreamRow | undefined
  /** Called after each commit (hand-over rule 3: nothing is delivered before). */
  committed: (row: StreamRow, packs: readonly PackedChunks[]) => void
  /** Called when nothing more can be appended, with the row that said so: upstream may be silent for long, and nobody else would notice. */
  stopped: (row: StreamRow | undefined) => void
}

/**
 * From one connection into the log: one append in flight, and what is read meanwhile goes into the next. Every append starts from the row's
 * committed place, checked inside its transaction (hand-over rule 2).
 */
export class Intake {
  readonly #options: IntakeOptions
  #pending: UpstreamFrame[] = []
  #pendingChunks = 0
  #pendingSize = 0
  #appends = 0
  #flushing: Promise<void> | null = null
  /** A transaction was refused: this owner is one no longer, or a verb waits. */
  fenced = false
  /** The store failed. */
  failure: unknown = null

  constructor(options: IntakeOptions) {
    this.#options = options
  }

  /** Takes a frame; resolves at once, or once there is room. */
  async take(frame: UpstreamFrame): Promise<void> {
    this.#pending.push(frame)
    this.#pendingChunks += frame.chunks.length
    for (const chunk of frame.chunks) this.#pendingSize += chunk.data.length
    this.#flushing ??= this.#flush()
    while (
      (this.#pendingSize > HIGH_WATER_SIZE || this.#pendingChunks > HIGH_WATER_CHUNKS) &&
      !this.fenced &&
      this.failure === null
    ) {
      await this.#flushing
    }
  }

  /** Nothing is in flight and nothing waits after this. With `drop`, what is not in a transaction is forgotten. */
  async settle({ drop }: { drop: boolean }): Promise<void> {
    if (drop) this.#pending = []
    await this.#flushing
  }

  async #flush(): Promise<void> {
    try {
      while (this.#pending.length > 0 && !this.fenced && this.failure === null) await this.#append()
    } catch (error) {
      this.failure = error
      this.#options.stopped(this.#options.row())
    } finally {
      this.#flushing = null
    }
  }

  async #append(): Promise<void> {
    const { journal, row, now, epoch, committed, store } = this.#options
    const before = row()
    if (before === undefined) {
      this.fenced = true
      return
    }
    const what = joinFrames(this.#pending, now())
    this.#pending = []
    this.#pendingChunks = 0
    this.#pendingSize = 0
    const base = { epoch, seq: before.seq, position: before.position }
    let packs: readonly PackedChunks[] = []
    const result = await journal.commit({
      streamId: before.streamId,
      decide: (current) => {
        const appended = append(current, base, what, now())
        packs = appended?.packs ?? []
        return appended
      },
    })
    if (!result.applied || result.row === undefined) {
      this.fenced = true
      // Rule 12: an append is where an owner learns of intents.
      this.#options.stopped(result.row)
      return
    }
    committed(result.row, packs)
    this.#appends += 1
    if (this.#appends % COMPACT_EVERY === 0 || what.ending !== undefined) {
      // In the background: it changes nothing that a reader sees, and a failure only leaves the segments small.
      void store.compact(before.streamId).catch(() => undefined)
    }
  }
}
