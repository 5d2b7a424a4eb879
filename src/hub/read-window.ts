import { endSeq } from '../protocol/packed-chunks.ts'
import type { LogRead, LogStore, StreamRow } from '../store/log-store.ts'
import { coverRun, type Run } from './batch.ts'
import { takePortion } from './take-portion.ts'

/** How much one read of the store brings: 16 of the largest records that it makes. */
const WINDOW = { maxChunks: 80_000, maxSize: 4 * 1024 * 1024 }

/** A run of the log with the row of the same read. */
export interface LogRun {
  run: Run
  row: StreamRow
  /** Nobody else holds these packs. */
  own: boolean
}

/** A read of the store, from a seq on. */
interface Read {
  fromSeq: number
  log: Promise<LogRead | undefined>
}

/**
 * The log as the store has it, for cursors that are behind. Keeps the last read, so that it serves several batches and all cursors that catch up
 * together, and has the next one under way meanwhile. Two windows per stream, however many tabs are behind (I10), and what a cursor was given of
 * one that is forgotten; committed chunks never change, so they cannot be wrong.
 */
export class ReadWindow {
  readonly #store: LogStore
  readonly #streamId: string
  #window: { fromSeq: number; log: LogRead } | null = null
  #ahead: Read | null = null
  /** Calls under way, of which two may get the same window. */
  #calls = 0
  /** Reads of which somebody got a part, and may hold it for long: an uploader does while its server is away. */
  readonly #given = new WeakSet<LogRead>()

  constructor(store: LogStore, streamId: string) {
    this.#store = store
    this.#streamId = streamId
  }

  /**
   * The next batch's worth from `next` on, with the row that was read with it; `null` where the stream was deleted.
   *
   * @param alone nobody else catches up: a window that is handed out whole is forgotten, and the reader's `own`
   */
  async read(next: number, alone: boolean): Promise<LogRun | null> {
    this.#calls += 1
    try {
      const window = await this.#windowOf(next)
      if (window === null) return null
      const { row, packs, toSeq: end } = window
      const portion = takePortion(packs, next)
      const last = portion.packs[portion.packs.length - 1]
      // Behind the last pack there may be a hole up to the window's end.
      const toSeq = portion.whole || last === undefined ? end : endSeq(last)
      const isFirst = this.#calls === 1 && !this.#given.has(window)
      this.#given.add(window)
      const own = alone && window.fresh === true && isFirst && portion.whole && this.#window?.fromSeq === next
      if (own) this.#window = null
      // Whoever reaches the end is served from memory from now on.
      if (toSeq > row.seq) this.clear()
      return { run: coverRun(row, next, toSeq, portion.packs), row, own }
    } finally {
      this.#calls -= 1
    }
  }

  async #windowOf(next: number): Promise<LogRead | null> {
    const window = this.#window
    if (window !== null && next >= window.fromSeq && next < window.log.toSeq) return window.log
    const ahead = this.#ahead
    const isNext = ahead?.fromSeq === next
    const log = await (isNext ? ahead.log : this.#read(next).log)
    if (log === undefined) return null
    this.#window = { fromSeq: next, log }
    this.#ahead = log.toSeq <= log.row.seq ? this.#read(log.toSeq) : null
    return log
  }

  #read(fromSeq: number): Read {
    const log = this.#store.readLog(this.#streamId, fromSeq, WINDOW)
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
