import type { PackedChunks } from '../protocol/packed-chunks.ts'
import { endSeq, isPackedChunks, packSize, slicePack } from '../protocol/packed-chunks.ts'
import type { LogRead, StreamRow } from './log-store.ts'

/** Limits of one read, as PROTOCOL.md 2.2 has them for one batch. */
export const DEFAULT_MAX_CHUNKS = 5_000
export const DEFAULT_MAX_SIZE = 512 * 1024

/**
 * Takes the records of a log in order and keeps what one read returns. Whatever cannot be read, or overlaps what came before, becomes a hole.
 */
export class LogReading {
  readonly #packs: PackedChunks[] = []
  readonly #row: StreamRow
  readonly #maxChunks: number
  readonly #maxSize: number
  readonly #from: number
  #next: number
  #chunks = 0
  #size = 0
  #full = false

  constructor(row: StreamRow, fromSeq: number, limits: { maxChunks?: number; maxSize?: number } = {}) {
    this.#row = row
    this.#from = fromSeq
    this.#next = fromSeq
    this.#maxChunks = Math.max(1, limits.maxChunks ?? DEFAULT_MAX_CHUNKS)
    this.#maxSize = Math.max(1, limits.maxSize ?? DEFAULT_MAX_SIZE)
  }

  /** No more records are wanted. */
  get full(): boolean {
    return this.#full
  }

  /** Nothing was found yet. */
  get isEmpty(): boolean {
    return this.#packs.length === 0
  }

  /** Another round trip is not worth it: the log ends here, or what is left of it is for a read of its own. */
  get suffices(): boolean {
    return this.#next > this.#row.seq || this.#isHalfFull
  }

  get #isHalfFull(): boolean {
    return this.#chunks * 2 >= this.#maxChunks || this.#size * 2 >= this.#maxSize
  }

  /** How many records of a given mean size are still wanted, at least 1. */
  wanted(meanChunks: number, meanSize: number): number {
    const byChunks = (this.#maxChunks - this.#chunks) / Math.max(1, meanChunks)
    const bySize = (this.#maxSize - this.#size) / Math.max(1, meanSize)
    return Math.max(1, Math.ceil(Math.min(byChunks, bySize)))
  }

  /** The record that is stored at seq `key`. */
  take(key: number, record: unknown): void {
    if (this.#full || !isPackedChunks(record) || record.fromSeq !== key) return
    // Never past the row: it is what says how far the log is committed.
    const committed = this.#row.seq + 1 - Math.max(this.#next, key)
    const all = committed > 0 ? slicePack(record, this.#next, committed) : null
    if (all === null || (this.#packs.length > 0 && key < this.#next)) return
    const roomChunks = this.#maxChunks - this.#chunks
    const roomSize = this.#maxSize - this.#size
    if (all.lengths.length <= roomChunks && packSize(all) <= roomSize) {
      this.#keep(all)
      this.#full = this.#chunks === this.#maxChunks || this.#size === this.#maxSize
      return
    }
    this.#full = true
    // A record is read and decoded as a whole: ending a read at its edge saves reading it twice, unless that leaves the read half empty.
    if (this.#isHalfFull) return
    const part = slicePack(all, all.fromSeq, roomChunks, roomSize)
    // A slice has at least one chunk, however large; behind others a large one waits for a read of its own.
    if (part !== null && (this.#packs.length === 0 || packSize(part) <= roomSize)) this.#keep(part)
  }

  /** What was read. `more`: records were left unread behind it. */
  result(more = this.#full): LogRead {
    const toSeq = more ? this.#next : Math.max(this.#from, this.#row.seq + 1)
    return { row: this.#row, packs: this.#packs, toSeq }
  }

  #keep(pack: PackedChunks): void {
    this.#packs.push(pack)
    this.#next = endSeq(pack)
    this.#chunks += pack.lengths.length
    this.#size += packSize(pack)
  }
}
