import { endSeq, joinPacks, packSize, slicePack, type PackedChunks } from '../protocol/packed-chunks.ts'

/** Enough for every tab that keeps up; whoever is further behind reads from the store. In units of data and in chunks. */
const MAX_SIZE = 2 * 1024 * 1024
const MAX_CHUNKS = 40_000
/** Neighbours are joined up to this many chunks and this size, so that a late cursor gets few packs and no append copies much. */
const JOIN_CHUNKS = 512
const JOIN_SIZE = 64 * 1024

/**
 * The last committed chunks of a stream, in memory, so that ten tabs that keep up cost no reads. Bounded (I10); holds nothing that is not
 * committed (hand-over rule 3).
 */
export class TailCache {
  readonly #packs: PackedChunks[] = []
  #size = 0
  #chunks = 0

  /** The first seq that is cached; `Infinity` where nothing is. */
  get fromSeq(): number {
    return this.#packs[0]?.fromSeq ?? Infinity
  }

  /** Adds what was just committed. What does not continue the cache replaces it. */
  append(packs: readonly PackedChunks[]): void {
    for (const pack of packs) {
      const last = this.#packs[this.#packs.length - 1]
      if (last !== undefined && endSeq(last) !== pack.fromSeq) this.clear()
      if (
        last !== undefined &&
        endSeq(last) === pack.fromSeq &&
        typeof last.data === typeof pack.data &&
        last.lengths.length + pack.lengths.length <= JOIN_CHUNKS &&
        packSize(last) + packSize(pack) <= JOIN_SIZE
      ) {
        this.#packs[this.#packs.length - 1] = joinPacks([last, pack])
      } else {
        this.#packs.push(pack)
      }
      this.#size += packSize(pack)
      this.#chunks += pack.lengths.length
    }
    while (this.#packs.length > 1 && (this.#size > MAX_SIZE || this.#chunks > MAX_CHUNKS)) {
      const dropped = this.#packs.shift() as PackedChunks
      this.#size -= packSize(dropped)
      this.#chunks -= dropped.lengths.length
    }
  }

  clear(): void {
    this.#packs.length = 0
    this.#size = 0
    this.#chunks = 0
  }

  /** The packs from `fromSeq` on within the limits, or `null` where the cache does not reach back so far. */
  read(fromSeq: number, maxChunks: number, maxSize: number): PackedChunks[] | null {
    if (fromSeq < this.fromSeq) return null
    const found: PackedChunks[] = []
    let chunks = 0
    let size = 0
    // From the end: cursors that keep up want the last packs, and the cache may hold many.
    let first = this.#packs.length - 1
    while (first > 0 && (this.#packs[first] as PackedChunks).fromSeq > fromSeq) first--
    for (let i = Math.max(0, first); i < this.#packs.length && chunks < maxChunks && size < maxSize; i++) {
      const pack = this.#packs[i] as PackedChunks
      const part = slicePack(pack, fromSeq, maxChunks - chunks, maxSize - size)
      if (part === null) continue
      found.push(part)
      // What did not fit comes first next time; the pack behind it would leave a hole.
      if (endSeq(part) < endSeq(pack)) break
      chunks += part.lengths.length
      size += packSize(part)
    }
    return found
  }
}
