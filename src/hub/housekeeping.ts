import type { LogStore, StreamRow } from '../store/log-store.ts'
import type { Clock } from './hub-context.ts'
import { beyondLimit, byChannel, ORIGIN_LIMIT, oversizedOf, roomOf, surplusOf } from './retention.ts'

/** How often all channels are looked through, for what passed its age: ages are days, as a rule. Starts and ends look at their channel at once. */
const EVERY_MS = 10 * 60_000
/** How much is given up at a time where the medium is full, in units of data: enough for the minutes until the next time. */
const ROOM = 16 * 1024 * 1024

/**
 * Keeps the origin's storage within its limits: whole ended streams go, the oldest first; of a channel's newest one, once it has ended, its
 * start. Never anything of a live stream. In the background: nobody waits for it, and what fails now is tried the next time.
 */
export class Housekeeping {
  readonly #store: LogStore
  readonly #clock: Clock
  readonly #removed: (rows: readonly StreamRow[]) => void
  readonly #pruned: (row: StreamRow) => void
  #limit = ORIGIN_LIMIT
  /** When all channels are looked through next. At once, at first. */
  #next = -Infinity

  /**
   * @param removed called with what was deleted
   * @param pruned called with the row of a stream whose start was deleted
   */
  constructor(
    store: LogStore,
    clock: Clock,
    { removed, pruned }: { removed: (rows: readonly StreamRow[]) => void; pruned: (row: StreamRow) => void },
  ) {
    this.#store = store
    this.#clock = clock
    this.#removed = removed
    this.#pruned = pruned
  }

  /** Of all channels with limits together, in units of data. */
  get limit(): number {
    return this.#limit
  }

  set limit(limit: number) {
    if (limit === this.#limit) return
    this.#limit = limit
    this.#next = -Infinity
    void this.tick()
  }

  /** To be called every few seconds: looks through everything when it is time. */
  async tick(): Promise<void> {
    if (this.#clock.now() < this.#next) return
    this.#next = this.#clock.now() + EVERY_MS
    try {
      for (const rows of byChannel(await this.#store.rows())) await this.#tidy(rows)
      await this.#remove(beyondLimit(await this.#store.rows(), this.#limit))
    } catch {
      // A store that fails now has other worries.
    }
  }

  /** A stream of the channel started, or ended. */
  async tidy(channel: string): Promise<void> {
    try {
      await this.#tidy(await this.#store.rows(channel))
    } catch {
      // As above.
    }
  }

  /** The medium is full: gives up the oldest streams that may go. False where there is none. */
  async makeRoom(): Promise<boolean> {
    const rows = roomOf(await this.#store.rows(), ROOM)
    await this.#remove(rows)
    return rows.length > 0
  }

  async #tidy(rows: readonly StreamRow[]): Promise<void> {
    await this.#remove(surplusOf(rows, this.#clock.now()))
    const oversized = oversizedOf(rows)
    if (oversized === null) return
    const { row: before, maxSize } = oversized
    const row = await this.#store.prune(before.streamId, maxSize)
    // One chunk may be larger than the limit, and stays.
    if (row !== undefined && row.version !== before.version) this.#pruned(row)
  }

  async #remove(rows: readonly StreamRow[]): Promise<void> {
    if (rows.length === 0) return
    await this.#store.remove(rows.map(({ streamId }) => streamId))
    this.#removed(rows)
  }
}
