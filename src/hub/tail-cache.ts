import { endSeq, isText, joinPacks, packSize, type PackedChunks } from '../protocol/packed-chunks.ts'
import { takePortion } from './take-portion.ts'

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

  /** All that is cached, in order and without holes. */
  get packs(): readonly PackedChunks[] {
    return this.#packs
  }

  /** Adds what was just committed. What does not continue the cache replaces it. */
  append(packs: readonly PackedChunks[]): void {
    for (const pack of packs) {
      const last = this.#packs[this.#packs.length - 1]
      if (last !== undefined && endSeq(last) !== pack.fromSeq) this.clear()
      if (
        last !== undefined &&
        endSeq(last) === pack.fromSeq &&
        isText(last) === isText(pack) &&
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

  /** One batch's worth of packs from `fromSeq` on, or `null` where the cache does not reach back so far. */
  read(fromSeq: number): PackedChunks[] | null {
    return fromSeq < this.fromSeq ? null : takePortion(this.#packs, fromSeq).packs
  }
}
