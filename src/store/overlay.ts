import type { Gap } from '../protocol/chunk.ts'
import { endSeq, joinPacks, packSize, slicePack, type PackedChunks } from '../protocol/packed-chunks.ts'
import type { StreamRow } from './log-store.ts'
import { planRuns } from './plan-compaction.ts'
import { planPruning } from './plan-pruning.ts'

/** The stored row that an overlay stands on. */
export interface Ground {
  /** `undefined` where nothing of the stream is stored. */
  row: StreamRow | undefined
  /** The life of the medium that it was seen in. */
  life: number
}

/** How many applied verbs are remembered of two rows that are joined; as many as `row-changes.ts` keeps. */
const REMEMBERED_VERBS = 32
/** From so many small packs on, they are joined before one is given up. */
const MANY_PACKS = 64

/** Whether a row still is what an overlay was put on: the fence of hand-over rule 2, for what comes from memory. */
export function standsOn({ row: ground }: Ground, stored: StreamRow | undefined): boolean {
  return ground?.createdAt === stored?.createdAt && ground?.epoch === stored?.epoch && ground?.seq === stored?.seq
}

/** What of a log that was lost with its medium is gone for good. */
function lostUpTo(row: StreamRow, toSeq: number): StreamRow {
  if (toSeq < 1) return row
  const gaps = row.gaps.filter((gap) => gap.toSeq > toSeq)
  return {
    ...row,
    gaps: [{ fromSeq: 1, toSeq, reason: 'damaged' }, ...gaps],
    version: row.version + 1,
  }
}

/** One stream's row and chunks in memory, over what is stored of it. */
export class Overlay {
  readonly streamId: string
  ground: Ground
  /** The row as it is now; `undefined` before the stream exists. */
  row: StreamRow | undefined
  /** What follows the ground, in order. */
  packs: PackedChunks[] = []
  /** Of the data in `packs`. */
  size = 0
  /** Is being written to the medium: what is on its way must stay as it is. */
  settling = false
  /** Is being deleted: nothing of it may be written any more. */
  leaving = false
  /** Chunks that were given up to stay within the bound. */
  #dropped: Gap | null = null

  constructor(streamId: string, ground: Ground) {
    this.streamId = streamId
    this.ground = ground
    this.row = ground.row
  }

  /** The stream's row and what is still known of its end, after its medium was replaced: what is not known is a gap. */
  static ofLost(row: StreamRow, tail: readonly PackedChunks[], life: number): Overlay {
    const overlay = new Overlay(row.streamId, { row: undefined, life })
    const [first] = tail
    const last = tail[tail.length - 1]
    const reaches = last !== undefined && endSeq(last) === row.seq + 1
    const lostTo = reaches && first !== undefined ? first.fromSeq - 1 : row.seq
    overlay.write(lostUpTo(row, lostTo), reaches ? tail : [])
    return overlay
  }

  write(row: StreamRow, packs: readonly PackedChunks[]): void {
    this.row = row
    this.packs.push(...packs)
    for (const pack of packs) this.size += packSize(pack)
  }

  /** The stored row moved in what others may change of a stream that they do not own: verbs (hand-over rule 12), and its upload. */
  absorb(stored: StreamRow): void {
    const { row, ground } = this
    const before = ground.row
    if (row === undefined || before === undefined || stored.version === before.version) return
    const resumed = stored.status !== before.status && row.status === before.status
    this.ground = { ...ground, row: stored }
    this.row = {
      ...row,
      intent: stored.intent ?? row.intent,
      // Of an upload the medium knows best: another hub moves it there, while nothing that counts is moved in memory.
      ...(stored.upload && { upload: stored.upload }),
      verbIds: [...new Set([...stored.verbIds, ...row.verbIds])].slice(-REMEMBERED_VERBS),
      ...(resumed && { status: stored.status, failure: stored.failure }),
      version: Math.max(row.version, stored.version) + 1,
    }
    if (resumed && stored.waitingFor === undefined) delete this.row.waitingFor
  }

  /** The medium was replaced, and what this stood on went with it. */
  loseGround(life: number): void {
    const { row, ground } = this
    this.ground = { row: undefined, life }
    if (row !== undefined) this.row = lostUpTo(row, ground.row?.seq ?? 0)
  }

  /** Everything up to `row` is stored now; `count` packs of it came from here. */
  settled(row: StreamRow, life: number, count: number): void {
    this.ground = { row, life }
    this.#dropped = null
    this.#keep(this.packs.slice(count))
  }

  compact(): void {
    if (!this.settling) this.packs = planRuns(this.packs).map((run) => joinPacks(run))
  }

  /** As `LogStore.prune`, of a stream that is in memory alone. */
  prune(maxSize: number): void {
    if (this.row === undefined || this.ground.row !== undefined || this.settling) return
    const { row, from } = planPruning(this.row, this.packs, maxSize)
    if (row === this.row) return
    // Once it is written back, what is missing has to be declared.
    const gap: Gap = { fromSeq: 1, toSeq: from - 1, reason: 'retention' }
    this.row = { ...row, gaps: [gap, ...row.gaps.filter(({ toSeq }) => toSeq >= from)] }
    this.#keep(this.packs.map((pack) => slicePack(pack, from)).filter((pack) => pack !== null))
  }

  #keep(packs: PackedChunks[]): void {
    this.packs = packs
    this.size = packs.reduce((size, pack) => size + packSize(pack), 0)
  }

  /** Gives the oldest chunks up; in their place stands a gap. */
  drop(): void {
    const { row } = this
    if (this.packs.length > MANY_PACKS) this.compact()
    const pack = this.packs.shift()
    if (pack === undefined || row === undefined) return
    this.size -= packSize(pack)
    const dropped: Gap = {
      fromSeq: this.#dropped?.fromSeq ?? pack.fromSeq,
      toSeq: endSeq(pack) - 1,
      reason: 'retention',
    }
    this.#dropped = dropped
    const others = row.gaps.filter(({ fromSeq, toSeq }) => toSeq < dropped.fromSeq || fromSeq > dropped.toSeq)
    this.row = {
      ...row,
      gaps: [...others, dropped].sort((a, b) => a.fromSeq - b.fromSeq),
      version: row.version + 1,
    }
  }
}
