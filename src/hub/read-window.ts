import { endSeq } from '../protocol/packed-chunks.ts'
import type { LogRead, LogStore, StreamRow } from '../store/log-store.ts'
import { coverRun, type Run } from './batch.ts'
import { takePortion } from './take-portion.ts'

/** How much one read of the store brings: as much as a batch holds. */
const WINDOW = { maxChunks: 60_000, maxSize: 2 * 1024 * 1024 }
/** Who begins to catch up waits for this one, and sees something soon. */
const FIRST_WINDOW = { maxChunks: 5_000, maxSize: 512 * 1024 }

/** A read of the store, from a seq on. */
interface Read {
  fromSeq: number
  log: Promise<LogRead | undefined>
}

/**
 * The log as the store has it, for cursors that are behind. Keeps the last read, so that it serves several batches and all cursors that catch up
 * together, and has the next one under way meanwhile. Two windows per stream, however many tabs are behind (I10); committed chunks never
 * change, so they cannot be wrong.
 */
export class ReadWindow {
  readonly #store: LogStore
  readonly #streamId: string
  #window: { fromSeq: number; log: LogRead } | null = null
  #ahead: Read | null = null

  constructor(store: LogStore, streamId: string) {
    this.#store = store
    this.#streamId = streamId
  }

  /** The next batch's worth from `next` on, with the row that was read with it; `null` where the stream was deleted. */
  async read(next: number): Promise<{ run: Run; row: StreamRow } | null> {
    const window = await this.#windowOf(next)
    if (window === null) return null
    const { row, packs, toSeq: end } = window
    const portion = takePortion(packs, next)
    const last = portion.packs[portion.packs.length - 1]
    // Behind the last pack there may be a hole up to the window's end.
    const toSeq = portion.whole || last === undefined ? end : endSeq(last)
    // Whoever reaches the end is served from memory from now on.
    if (toSeq > row.seq) this.clear()
    return { run: coverRun(row, next, toSeq, portion.packs), row }
  }

  async #windowOf(next: number): Promise<LogRead | null> {
    const window = this.#window
    if (window !== null && next >= window.fromSeq && next < window.log.toSeq) return window.log
    const ahead = this.#ahead
    const isNext = ahead?.fromSeq === next
    const log = await (isNext ? ahead.log : this.#read(next, FIRST_WINDOW).log)
    if (log === undefined) return null
    this.#window = { fromSeq: next, log }
    this.#ahead = log.toSeq <= log.row.seq ? this.#read(log.toSeq, WINDOW) : null
    return log
  }

  #read(fromSeq: number, limits: { maxChunks: number; maxSize: number }): Read {
    const log = this.#store.readLog(this.#streamId, fromSeq, limits)
    // Whoever wants it hears of it; and the next who wants it is not told of this failure, but reads again.
    log.catch(() => {
      if (this.#ahead?.log === log) this.#ahead = null
    })
    return { fromSeq, log }
  }

  clear(): void {
    this.#window = null
    this.#ahead = null
  }
}
