import type { Gap } from '../protocol/chunk.ts'
import { HeadwaterError } from '../protocol/errors.ts'
import { endSeq } from '../protocol/packed-chunks.ts'
import { idTaken } from './apply-change.ts'
import { carryOver } from './carry-over.ts'
import type { LogRead, LogStore, RowChange, RowResult, StreamRow } from './log-store.ts'
import { byAge } from './row-order.ts'

/** Streams that are remembered to be in the newer database. More than a hub has live. */
const MAX_HERE = 1_000

/** Holes in what one read of a log brought, as gaps. */
function holesIn({ packs, toSeq, row }: LogRead, fromSeq: number): Gap[] {
  const gaps: Gap[] = []
  let next = fromSeq
  const upTo = (seq: number): void => {
    const declared = row.gaps.some((gap) => gap.fromSeq <= next && seq - 1 <= gap.toSeq)
    const reason = next < row.firstSeq ? 'retention' : 'damaged'
    if (seq > next && !declared) gaps.push({ fromSeq: next, toSeq: seq - 1, reason })
  }
  for (const pack of packs) {
    upTo(pack.fromSeq)
    next = endSeq(pack)
  }
  upTo(toSeq)
  return gaps
}

/**
 * The log in one format, beside the database of the format before it, which an earlier release may have open. New streams are in the newer
 * one. Of the older one's, those that are live stay there to their end, so that hubs of both releases agree on their rows; those that have ended are
 * copied when somebody first reads their chunks. The original stays, for tabs of the earlier release and for the day when a deployment is taken
 * back; whoever deletes it, of either release, deletes the copy.
 *
 * Two databases have no transaction in common: a `commit` of streams of both is refused, and a journal then writes them one by one.
 */
export class SuccessorLogStore implements LogStore {
  readonly #newer: LogStore
  readonly #older: LogStore
  /** Streams that began in the newer one: an append need not look for them in the other. */
  readonly #here = new Set<string>()

  constructor(newer: LogStore, older: LogStore) {
    this.#newer = newer
    this.#older = older
  }

  get durable(): boolean {
    return this.#newer.durable && this.#older.durable
  }

  set onlost(lost: (() => void) | null) {
    this.#newer.onlost = lost
    this.#older.onlost = lost
  }

  async row(streamId: string): Promise<StreamRow | undefined> {
    return (await this.#find(streamId)).row
  }

  async rows(channel?: string): Promise<StreamRow[]> {
    const [newer, older] = await Promise.all([this.#newer.rows(channel), this.#older.rows(channel)])
    return this.#join(newer, older)
  }

  async newest(channel: string): Promise<StreamRow | undefined> {
    const [newer, older] = await Promise.all([this.#newer.newest(channel), this.#older.newest(channel)])
    // A copy is what its original is, which is the older format's newest then, or was deleted.
    if (newer?.copied !== undefined) return (await this.rows(channel)).at(-1)
    return [newer, older]
      .filter((row) => row !== undefined)
      .sort(byAge)
      .at(-1)
  }

  async commit(changes: readonly RowChange[]): Promise<RowResult[]> {
    const homes = await Promise.all(changes.map(({ streamId }) => this.#find(streamId)))
    const [home = this.#newer] = homes.map(({ store }) => store)
    if (homes.some(({ store }) => store !== home)) {
      throw new HeadwaterError('store', 'Streams of two formats cannot be written together.', { name: 'TwoFormats' })
    }
    return home.commit(changes)
  }

  async openChannel(channel: string, decide: (rows: readonly StreamRow[]) => readonly StreamRow[]): Promise<void> {
    const all = await this.#older.rows()
    const older = all.filter((row) => row.channel === channel)
    let below: readonly StreamRow[] = []
    await this.#newer.openChannel(channel, (newer) => {
      const stored = this.#join(newer, older)
      const decided = decide(stored)
      const isBelow = ({ streamId }: StreamRow): boolean =>
        older.some((row) => row.streamId === streamId) && newer.every((row) => row.streamId !== streamId)
      const taken = decided.find(({ streamId }) =>
        all.some((row) => row.streamId === streamId && row.channel !== channel),
      )
      if (taken !== undefined) throw idTaken(taken.streamId)
      below = decided.filter(isBelow)
      return decided.filter((row) => !isBelow(row))
    })
    for (const row of below)
      await this.#changeBelow(
        row,
        older.find(({ streamId }) => streamId === row.streamId),
      )
  }

  /** What was decided of a live stream of the older format. It may have moved since it was seen. */
  async #changeBelow(decided: StreamRow, seen: StreamRow | undefined): Promise<void> {
    await this.#older.commit([{ streamId: decided.streamId, decide: (row) => carryOver(decided, seen, row) }])
  }

  async readLog(
    streamId: string,
    fromSeq: number,
    limits?: { maxChunks?: number; maxSize?: number },
  ): Promise<LogRead | undefined> {
    const { store, row } = await this.#find(streamId)
    if (store !== this.#older || row === undefined || row.ending === null)
      return store.readLog(streamId, fromSeq, limits)
    await this.#copy(row)
    return this.#newer.readLog(streamId, fromSeq, limits)
  }

  async compact(streamId: string): Promise<void> {
    const { store } = await this.#find(streamId)
    await store.compact(streamId)
  }

  async prune(streamId: string, maxSize: number): Promise<StreamRow | undefined> {
    const { store } = await this.#find(streamId)
    // What is not kept shall be in neither.
    const [newer, older] = await Promise.all([this.#newer, this.#older].map((each) => each.prune(streamId, maxSize)))
    return store === this.#newer ? newer : older
  }

  async remove(streamIds: readonly string[]): Promise<void> {
    // The originals first: a copy that a dying hub leaves behind is none any more.
    await this.#older.remove(streamIds)
    await this.#newer.remove(streamIds)
  }

  async clear(): Promise<void> {
    await this.#older.clear()
    await this.#newer.clear()
  }

  close(): void {
    this.#newer.close()
    this.#older.close()
  }

  /** Rows of both, oldest first; of a stream that was copied its copy. */
  #join(newer: readonly StreamRow[], older: readonly StreamRow[]): StreamRow[] {
    const rows = new Map(older.map((row) => [row.streamId, row]))
    for (const row of newer) {
      if (row.copied === undefined || (row.copied === 'whole' && rows.has(row.streamId))) rows.set(row.streamId, row)
    }
    return [...rows.values()].sort(byAge)
  }

  /** Where a stream is to be read and written; a stream that is nowhere, in the newer one. */
  async #find(streamId: string): Promise<{ store: LogStore; row: StreamRow | undefined }> {
    if (this.#here.has(streamId)) return { store: this.#newer, row: await this.#newer.row(streamId) }
    const [newer, older] = await Promise.all([this.#newer.row(streamId), this.#older.row(streamId)])
    if (newer !== undefined && newer.copied === undefined) {
      if (this.#here.size >= MAX_HERE) this.#here.clear()
      this.#here.add(streamId)
    }
    if (newer?.copied !== undefined && older === undefined) {
      // A hub of the earlier release deleted it.
      await this.#newer.remove([streamId])
      return { store: this.#newer, row: undefined }
    }
    const isHere = newer !== undefined && newer.copied !== 'partly'
    if (isHere || older === undefined) return { store: this.#newer, row: newer }
    return { store: this.#older, row: older }
  }

  /** Copies a stream that has ended, some batches at a time. Two hubs at once write the same, and each goes on where the other is. */
  async #copy(original: StreamRow): Promise<void> {
    const { streamId } = original
    for (let at = (await this.#newer.row(streamId)) ?? { seq: 0, copied: 'partly' }; at.copied === 'partly';) {
      const fromSeq = at.seq + 1
      const read = await this.#older.readLog(streamId, fromSeq)
      // Deleted meanwhile.
      if (read === undefined) return
      const holes = holesIn(read, fromSeq)
      const [result] = await this.#newer.commit([
        {
          streamId,
          decide: (row) => {
            if ((row?.seq ?? 0) !== at.seq || row?.copied === 'whole') return null
            const gaps = [...(row?.gaps ?? original.gaps), ...holes].sort((a, b) => a.fromSeq - b.fromSeq)
            const seq = read.toSeq - 1
            const copied = seq >= original.seq ? 'whole' : 'partly'
            return { row: { ...original, seq, gaps, copied }, packs: read.packs }
          },
        },
      ])
      if (result?.row === undefined) return
      at = result.row
    }
  }
}
