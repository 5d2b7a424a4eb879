import { HeadwaterError } from '../protocol/errors.ts'
import type { PackedChunks } from '../protocol/packed-chunks.ts'
import { endSeq, joinPacks, slicePack } from '../protocol/packed-chunks.ts'
import { applyChange, applyRow, idTaken } from './apply-change.ts'
import { LogReading } from './log-reading.ts'
import type { LogRead, LogStore, RowChange, RowResult, StreamRow } from './log-store.ts'
import { planRuns } from './plan-compaction.ts'
import { planPruning } from './plan-pruning.ts'
import { byAge } from './row-order.ts'

interface MemoryLog {
  row: StreamRow
  packs: PackedChunks[]
}

/** Index of the pack that holds `seq`, or of the first one after it. Binary search: a log may have thousands. */
function indexOf(packs: readonly PackedChunks[], seq: number): number {
  let low = 0
  let high = packs.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const pack = packs[middle]
    if (pack !== undefined && endSeq(pack) <= seq) low = middle + 1
    else high = middle
  }
  return low
}

/** The log in memory: for private windows without storage, a full disk, and tests. It lives as long as its object. */
export class MemoryLogStore implements LogStore {
  readonly durable = false
  #logs = new Map<string, MemoryLog>()
  #closed = false

  async row(streamId: string): Promise<StreamRow | undefined> {
    this.#check()
    return this.#logs.get(streamId)?.row
  }

  async rows(channel?: string): Promise<StreamRow[]> {
    this.#check()
    return this.#rowsOf(channel)
  }

  async newest(channel: string): Promise<StreamRow | undefined> {
    this.#check()
    return this.#rowsOf(channel).at(-1)
  }

  async commit(changes: readonly RowChange[]): Promise<RowResult[]> {
    this.#check()
    const rows = new Map<string, StreamRow | undefined>()
    const packs: [streamId: string, packs: readonly PackedChunks[]][] = []
    const applied = changes.map((change) => {
      const old = rows.has(change.streamId) ? rows.get(change.streamId) : this.#logs.get(change.streamId)?.row
      const decided = applyChange(old, change)
      rows.set(change.streamId, decided === null ? old : decided.row)
      if (decided !== null) packs.push([change.streamId, decided.packs])
      return decided !== null
    })
    // Nothing was written yet: a change that threw has changed nothing.
    for (const row of rows.values()) if (row !== undefined) this.#put(row)
    for (const [streamId, more] of packs) this.#logs.get(streamId)?.packs.push(...more)
    return changes.map(({ streamId }, i) => ({ row: rows.get(streamId), applied: applied[i] === true, life: 0 }))
  }

  async openChannel(channel: string, decide: (rows: readonly StreamRow[]) => readonly StreamRow[]): Promise<void> {
    this.#check()
    const rows = this.#rowsOf(channel)
    const changed = decide(rows).map((row) => applyRow(channel, rows, row))
    for (const { row, isNew } of changed) if (isNew && this.#logs.has(row.streamId)) throw idTaken(row.streamId)
    for (const { row } of changed) this.#put(row)
  }

  async readLog(
    streamId: string,
    fromSeq: number,
    limits?: { maxChunks?: number; maxSize?: number },
  ): Promise<LogRead | undefined> {
    this.#check()
    const log = this.#logs.get(streamId)
    if (log === undefined) return undefined
    const reading = new LogReading(log.row, fromSeq, limits)
    for (let i = indexOf(log.packs, fromSeq); i < log.packs.length && !reading.full; i++) {
      const pack = log.packs[i]
      if (pack !== undefined) reading.take(pack.fromSeq, pack)
    }
    return reading.result()
  }

  async compact(streamId: string): Promise<void> {
    this.#check()
    const log = this.#logs.get(streamId)
    if (log !== undefined) log.packs = planRuns(log.packs).map((run) => joinPacks(run))
  }

  async prune(streamId: string, maxSize: number): Promise<StreamRow | undefined> {
    this.#check()
    const log = this.#logs.get(streamId)
    if (log === undefined) return undefined
    const { row, from } = planPruning(log.row, log.packs, maxSize)
    log.row = row
    log.packs = log.packs.map((pack) => slicePack(pack, from)).filter((pack) => pack !== null)
    return row
  }

  async remove(streamIds: readonly string[]): Promise<void> {
    this.#check()
    for (const streamId of streamIds) this.#logs.delete(streamId)
  }

  async clear(): Promise<void> {
    this.#check()
    this.#logs.clear()
  }

  close(): void {
    this.#closed = true
    this.#logs = new Map()
  }

  #rowsOf(channel?: string): StreamRow[] {
    const rows = [...this.#logs.values()].map((log) => log.row)
    return rows.filter((row) => channel === undefined || row.channel === channel).sort(byAge)
  }

  #put(row: StreamRow): void {
    const log = this.#logs.get(row.streamId)
    if (log === undefined) this.#logs.set(row.streamId, { row, packs: [] })
    else log.row = row
  }

  #check(): void {
    if (this.#closed) throw new HeadwaterError('closed', 'This store was closed.')
  }
}
