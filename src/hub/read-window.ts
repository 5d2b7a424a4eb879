import { endSeq } from '../protocol/packed-chunks.ts'
import type { LogRead, LogStore, StreamRow } from '../store/log-store.ts'
import { coverRun, type Run } from './batch.ts'
import { takePortion } from './take-portion.ts'

/** How much one read of the store brings: several batches, because a record is read and decoded as a whole and batches end in the middle of one. */
const MAX_CHUNKS = 20_000
const MAX_SIZE = 2 * 1024 * 1024

/**
 * The log as the store has it, for cursors that are behind. Keeps the last read, so that it serves several batches, and all cursors that catch up
 * together. One window per stream, however many tabs are behind (I10); committed chunks never change, so it cannot be wrong.
 */
export class ReadWindow {
  readonly #store: LogStore
  readonly #streamId: string
  #last: { fromSeq: number; read: LogRead } | null = null

  constructor(store: LogStore, streamId: string) {
    this.#store = store
    this.#streamId = streamId
  }

  /** The next batch's worth from `next` on, with the row that was read with it; `null` where the stream was deleted. */
  async read(next: number): Promise<{ run: Run; row: StreamRow } | null> {
    let window = this.#last
    if (window === null || next < window.fromSeq || next >= window.read.toSeq) {
      const read = await this.#store.readLog(this.#streamId, next, { maxChunks: MAX_CHUNKS, maxSize: MAX_SIZE })
      if (read === undefined) return null
      window = { fromSeq: next, read }
      this.#last = window
    }
    const { row, packs, toSeq: end } = window.read
    const portion = takePortion(packs, next)
    const last = portion.packs[portion.packs.length - 1]
    // Behind the last pack there may be a hole up to the window's end.
    const toSeq = portion.whole || last === undefined ? end : endSeq(last)
    // Whoever reaches the end is served from memory from now on.
    if (toSeq > row.seq) this.clear()
    return { run: coverRun(row, next, toSeq, portion.packs), row }
  }

  clear(): void {
    this.#last = null
  }
}
