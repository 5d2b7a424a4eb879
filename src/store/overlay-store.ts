import { endSeq, slicePack, type PackedChunks } from '../protocol/packed-chunks.ts'
import { applyChange, applyRow, idTaken } from './apply-change.ts'
import { carryOver } from './carry-over.ts'
import { LogReading } from './log-reading.ts'
import type { LogRead, LogStore, RowChange, RowResult, StreamRow } from './log-store.ts'
import { Overlay, standsOn } from './overlay.ts'
import { byAge } from './row-order.ts'
import { isMediumFailure, isQuotaFailure } from './store-error.ts'

/** Most data that is kept in memory for want of a medium, in units: hours of text. Beyond it the oldest chunks of the largest stream are given up. */
const MAX_SIZE = 64 * 1024 * 1024
/** Most streams among them. No other can be started then. */
const MAX_STREAMS = 256
/** Most streams whose rows are remembered, in case that the medium is thrown away: a hub has four connections. */
const MAX_KNOWN = 64
/** An attempt to write back that failed makes the next ones rarer, up to one in so many calls of `settle`. */
const RAREST = 16
/** So many reads of a broken medium may fail before what it holds is told as a gap: it may be back in a moment. */
const READ_ATTEMPTS = 3

export interface OverlayOptions {
  /** Most data kept in memory, in units. Default 64 Mi. */
  maxSize?: number
  /** Makes room in a full medium. False where there is nothing to give up. */
  makeRoom?: () => Promise<boolean>
  /** The end of a stream's log, where it is still in memory: packs without holes up to the committed seq. */
  tailOf?: (streamId: string) => readonly PackedChunks[]
  /** `durable` is another one now. */
  changed?: () => void
  /** What was in memory of a stream gave way to what is stored of it, which another hub went on with. */
  gaveWay?: (streamId: string, stored: StreamRow | undefined) => void
}

/**
 * A log that goes on where its medium does not: what the medium refuses (it is full, was closed or deleted under us, or is broken) is kept in
 * memory, stream by stream, over what is stored, and written back as soon as that is possible. Meanwhile `durable` is false (I2).
 *
 * What is in memory is this hub's own: other hubs see what is stored. It is written back only onto the very row that it stands on; where another
 * owner moved that row, memory gives way ({@link OverlayOptions.gaveWay}). A row that is missing was removed, and stays so, unless the medium has
 * begun another life ({@link RowResult.life}): then it was lost, and the stream goes on with a gap for what is gone.
 */
export class OverlayLogStore implements LogStore {
  readonly #medium: LogStore
  readonly #options: OverlayOptions
  readonly #overlays = new Map<string, Overlay>()
  /** Rows that this hub wrote, of streams that have not ended; least recently written first. */
  readonly #known = new Map<string, { row: StreamRow; life: number }>()
  #durable = true
  #settling: Promise<void> | null = null
  /** What writes back, or takes away what memory stands on: one after the other. */
  #turn: Promise<void> = Promise.resolve()
  #opening: Promise<void> = Promise.resolve()
  #failures = 0
  #skip = 0
  #failedReads = 0

  constructor(medium: LogStore, options: OverlayOptions = {}) {
    this.#medium = medium
    this.#options = options
    medium.onlost = () => void this.#checkKnown()
  }

  get durable(): boolean {
    return this.#medium.durable && this.#durable
  }

  async row(streamId: string): Promise<StreamRow | undefined> {
    const overlay = this.#overlays.get(streamId)
    const ground = overlay?.ground
    let stored: StreamRow | undefined
    try {
      stored = await this.#medium.row(streamId)
    } catch (error) {
      const now = this.#overlays.get(streamId)
      if (now === undefined) throw error
      return now.row
    }
    const now = this.#overlays.get(streamId)
    if (now === undefined) {
      if (stored === undefined && this.#known.has(streamId)) return this.#findMissing(streamId)
      if (stored !== undefined && stored.epoch !== this.#known.get(streamId)?.row.epoch) this.#known.delete(streamId)
      return stored
    }
    // What was read may be older than what the overlay stands on by now.
    if (now !== overlay || now.ground !== ground || now.settling) return now.row
    // A row that is missing was removed, or lost: that is found out where it is written.
    if (stored === undefined) {
      if (now.ground.row !== undefined) void this.settle({ now: true })
      return now.row
    }
    if (!standsOn(now.ground, stored)) {
      this.#giveWay(now, stored)
      return stored
    }
    now.absorb(stored)
    return now.row
  }

  async rows(channel?: string): Promise<StreamRow[]> {
    return this.#join(await this.#orNone(this.#medium.rows(channel), []), channel)
  }

  async newest(channel: string): Promise<StreamRow | undefined> {
    const stored = await this.#orNone(this.#medium.newest(channel), undefined)
    return this.#join(stored === undefined ? [] : [stored], channel).at(-1)
  }

  async commit(changes: readonly RowChange[]): Promise<RowResult[]> {
    const results = new Map<RowChange, RowResult>()
    const isOpen = (change: RowChange): boolean => !results.has(change) && !this.#overlays.has(change.streamId)
    for (const { streamId, binding } of changes) if (binding === true) await this.#makeBindable(streamId)
    // What reaches the medium first: it may refuse, and then nothing may have happened yet.
    for (let open = changes.filter(isOpen); open.length > 0; open = changes.filter(isOpen)) {
      try {
        const stored = await this.#commitBelow(open)
        for (const [i, change] of open.entries()) {
          const result = stored[i] as RowResult
          if (this.#isLost(change.streamId, result)) this.#liftKnown(change.streamId, result.life)
          // Else it was found lost, and is in memory, since: its turn comes with the others'.
          else if (!this.#overlays.has(change.streamId)) results.set(change, this.#learn(change, result))
        }
      } catch (error) {
        if (!isMediumFailure(error) || open.some(({ forOwner }) => forOwner === true)) throw error
        for (const streamId of new Set(open.map((change) => change.streamId))) await this.#lift(streamId, error)
        for (const { streamId, binding } of open) {
          if (binding !== true) continue
          await this.#inTurn(() => this.#uproot(this.#overlays.get(streamId)))
          if (results.size === 0 && !this.#isUprooted(streamId)) throw error
        }
      }
    }
    const above = changes.filter((change) => !results.has(change))
    if (above.length > 0) this.#commitAbove(above, results)
    this.#tell()
    return changes.map((change) => results.get(change) as RowResult)
  }

  async openChannel(channel: string, decide: (rows: readonly StreamRow[]) => readonly StreamRow[]): Promise<void> {
    let rows: readonly StreamRow[] = []
    let above: readonly StreamRow[] = []
    let below: readonly StreamRow[] = []
    const open = (): Promise<void> =>
      this.#medium.openChannel(channel, (stored) => {
        rows = this.#join(stored, channel)
        const decided = decide(rows)
        this.#checkIds(decided, rows)
        above = decided.filter(({ streamId }) => this.#overlays.has(streamId))
        below = decided.filter((row) => !above.includes(row))
        return below
      })
    try {
      await this.#withRoom(open)
      for (const row of below) this.#relearn(row)
    } catch (error) {
      if (!isMediumFailure(error)) throw error
      // One after the other: the second sees what the first made (I1).
      const opening = this.#opening.then(() => this.#openInMemory(channel, decide, error))
      this.#opening = opening.catch(() => undefined)
      return opening
    }
    // These may have moved since they were seen.
    await this.commit(
      above.map((decided) => {
        const { streamId } = decided
        const seen = rows.find((row) => row.streamId === streamId)
        return { streamId, decide: (row) => carryOver(decided, seen, row) }
      }),
    )
  }

  async readLog(
    streamId: string,
    fromSeq: number,
    limits?: { maxChunks?: number; maxSize?: number },
  ): Promise<LogRead | undefined> {
    const overlay = this.#overlays.get(streamId)
    if (overlay === undefined) return this.#medium.readLog(streamId, fromSeq, limits)
    const { ground } = overlay
    const lastStored = ground.row?.seq ?? 0
    const below = fromSeq <= lastStored ? await this.#readBelow(streamId, fromSeq, limits) : undefined
    // Written back, or another's, while the medium was read.
    if (this.#overlays.get(streamId) !== overlay || overlay.ground !== ground) {
      return this.readLog(streamId, fromSeq, limits)
    }
    const { row, packs } = overlay
    if (row === undefined) return undefined
    const reading = new LogReading(row, fromSeq, limits)
    for (const pack of below?.packs ?? []) {
      const part = slicePack(pack, pack.fromSeq, lastStored + 1 - pack.fromSeq)
      if (part !== null && pack.fromSeq <= lastStored) reading.take(part.fromSeq, part)
    }
    if (below !== undefined && below.toSeq <= lastStored) {
      return { row, packs: reading.result().packs, toSeq: below.toSeq }
    }
    for (const pack of packs) {
      if (reading.full) break
      if (endSeq(pack) > fromSeq) reading.take(pack.fromSeq, pack)
    }
    return reading.result()
  }

  async compact(streamId: string): Promise<void> {
    const overlay = this.#overlays.get(streamId)
    if (overlay === undefined) await this.#medium.compact(streamId)
    else overlay.compact()
  }

  async prune(streamId: string, maxSize: number): Promise<StreamRow | undefined> {
    const overlay = this.#overlays.get(streamId)
    if (overlay === undefined) return this.#medium.prune(streamId, maxSize)
    overlay.prune(maxSize)
    return overlay.row
  }

  async remove(streamIds: readonly string[]): Promise<void> {
    await this.#remove(streamIds, () => this.#medium.remove(streamIds))
  }

  async clear(): Promise<void> {
    await this.#remove([...this.#overlays.keys(), ...this.#known.keys()], () => this.#medium.clear())
  }

  /**
   * Another hub removed streams, of which this one may hold what was never stored, or was lost: it goes, too. What is stored was removed by that hub.
   * @returns the streams of which something was held
   */
  removedElsewhere(isRemoved: (row: StreamRow) => boolean): string[] {
    const rows = [
      ...[...this.#overlays.values()].map(({ row }) => row),
      ...[...this.#known.values()].map(({ row }) => row),
    ]
    const removed = rows.filter((row) => row !== undefined && isRemoved(row)).map((row) => (row as StreamRow).streamId)
    for (const streamId of removed) {
      this.#known.delete(streamId)
      this.#overlays.delete(streamId)
    }
    this.#tell()
    return [...new Set(removed)]
  }

  /**
   * Writes back what is in memory. To be called now and then; each attempt that fails makes the next ones rarer.
   * @param now there is reason to think that it works now
   */
  settle({ now = false } = {}): Promise<void> {
    if (this.#overlays.size === 0) return Promise.resolve()
    if (now) this.#skip = 0
    if (this.#skip > 0) {
      this.#skip -= 1
      return Promise.resolve()
    }
    this.#settling ??= this.#inTurn(() => this.#settleAll()).finally(() => (this.#settling = null))
    return this.#settling
  }

  close(): void {
    this.#medium.onlost = null
    this.#medium.close()
    this.#overlays.clear()
    this.#known.clear()
  }

  // ---- the medium, and what it lost

  async #withRoom<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act()
    } catch (error) {
      if (!isQuotaFailure(error) || (await this.#options.makeRoom?.().catch(() => false)) !== true) throw error
      return act()
    }
  }

  #commitBelow(changes: readonly RowChange[]): Promise<RowResult[]> {
    return this.#withRoom(() => this.#medium.commit(changes))
  }

  /** What is stored, or nothing where the medium cannot be read and streams go on without it. */
  async #orNone<T>(reading: Promise<T>, none: T): Promise<T> {
    try {
      return await reading
    } catch (error) {
      if (this.#overlays.size > 0 && isMediumFailure(error)) return none
      throw error
    }
  }

  /** What is stored below an overlay. What a broken medium does not give is a hole; a full one can be read. */
  async #readBelow(...args: Parameters<LogStore['readLog']>): Promise<LogRead | undefined> {
    try {
      const read = await this.#medium.readLog(...args)
      this.#failedReads = 0
      return read
    } catch (error) {
      this.#failedReads += 1
      if (isMediumFailure(error) && this.#failedReads > READ_ATTEMPTS) return undefined
      throw error
    }
  }

  #join(stored: readonly StreamRow[], channel: string | undefined): StreamRow[] {
    const rows = new Map(stored.map((row) => [row.streamId, row]))
    for (const { streamId, row } of this.#overlays.values()) {
      if (row !== undefined && (channel === undefined || row.channel === channel)) rows.set(streamId, row)
    }
    return [...rows.values()].sort(byAge)
  }

  #learn(change: RowChange, result: RowResult): RowResult {
    const { row, life } = result
    const { streamId } = change
    if (row === undefined || row.ending !== null) this.#known.delete(streamId)
    else if (result.applied && change.forOwner !== true) {
      this.#known.delete(streamId)
      this.#known.set(streamId, { row, life })
      const [oldest] = this.#known.keys()
      if (this.#known.size > MAX_KNOWN && oldest !== undefined) this.#known.delete(oldest)
    }
    return result
  }

  /** A row that this hub wrote last was changed by a start: where the medium fails next, that is what the stream goes on from. */
  #relearn(row: StreamRow): void {
    const known = this.#known.get(row.streamId)
    if (known === undefined || known.row.version >= row.version) return
    if (row.ending === null) this.#known.set(row.streamId, { ...known, row })
    else this.#known.delete(row.streamId)
  }

  /** Whether a row is missing because its medium was thrown away. */
  #isLost(streamId: string, { row, life }: RowResult): boolean {
    const known = this.#known.get(streamId)
    return row === undefined && known !== undefined && known.life !== life
  }

  /** A row that this hub wrote is not there: removed, or lost with its medium? */
  async #findMissing(streamId: string): Promise<StreamRow | undefined> {
    const [result] = await this.#medium.commit([{ streamId, decide: () => null }])
    const now = this.#overlays.get(streamId)
    if (now !== undefined) return now.row
    if (result === undefined || !this.#isLost(streamId, result)) {
      if (result?.row === undefined) this.#known.delete(streamId)
      return result?.row
    }
    this.#liftKnown(streamId, result.life)
    this.#tell()
    void this.settle({ now: true })
    return this.#overlays.get(streamId)?.row
  }

  async #checkKnown(): Promise<void> {
    // Others may ask for these before this hub's next append would notice.
    for (const streamId of [...this.#known.keys()]) await this.row(streamId).catch(() => undefined)
  }

  // ---- memory

  #liftKnown(streamId: string, life: number): void {
    const known = this.#known.get(streamId)
    if (known === undefined) return
    this.#known.delete(streamId)
    this.#add(Overlay.ofLost(known.row, this.#options.tailOf?.(streamId) ?? [], life))
  }

  #add(overlay: Overlay): void {
    this.#overlays.set(overlay.streamId, overlay)
  }

  #checkCount(error: unknown): void {
    if (this.#overlays.size >= MAX_STREAMS) throw error
  }

  /** From now on the stream goes on in memory. */
  async #lift(streamId: string, error: unknown): Promise<void> {
    this.#checkCount(error)
    let found: RowResult | undefined
    try {
      // A transaction that writes nothing fits in a full medium, and tells the life.
      ;[found] = await this.#medium.commit([{ streamId, decide: () => null }])
    } catch (lost) {
      if (!isMediumFailure(lost)) throw lost
    }
    if (this.#overlays.has(streamId)) return
    const known = this.#known.get(streamId)
    if (found === undefined) {
      // Not even readable: goes on from what this hub wrote last. Of others' streams it knows nothing.
      if (known === undefined) throw error
      this.#add(new Overlay(streamId, known))
    } else if (this.#isLost(streamId, found)) this.#liftKnown(streamId, found.life)
    else this.#add(new Overlay(streamId, { row: found.row, life: found.life }))
    this.#known.delete(streamId)
  }

  /**
   * Before a change that binds: what is in memory of the stream is written back, so that the change will be stored, or is in memory alone. Chunks that
   * are stored never go for it.
   * @throws what the medium does; nothing has changed then
   */
  async #makeBindable(streamId: string): Promise<void> {
    if (!this.#overlays.has(streamId)) return
    await this.#inTurn(async () => {
      const overlay = this.#overlays.get(streamId)
      if (overlay?.ground.row === undefined) return
      try {
        await this.#settle(overlay)
      } catch (error) {
        await this.#uproot(overlay)
        if (!this.#isUprooted(streamId)) throw error
      }
    })
    this.#tell()
  }

  /** What is stored of a stream goes, where that is a row alone: from here on the stream is in memory. */
  async #uproot(overlay: Overlay | undefined): Promise<void> {
    if (overlay?.ground.row?.seq !== 0) return
    // A deletion fits in a full medium.
    await this.#medium.remove([overlay.streamId])
    overlay.loseGround(overlay.ground.life)
  }

  /** Whether what binds may be in memory: nothing is stored of the stream, nor on its way there, that would say otherwise once this hub is dead. */
  #isUprooted(streamId: string): boolean {
    const overlay = this.#overlays.get(streamId)
    return overlay !== undefined && overlay.ground.row === undefined && !overlay.settling
  }

  /** As a transaction: all of them or, where one throws, none. */
  #commitAbove(changes: readonly RowChange[], results: Map<RowChange, RowResult>): void {
    const rows = new Map<string, StreamRow | undefined>()
    const packs = new Map<string, PackedChunks[]>()
    const applied = changes.map((change) => {
      const { streamId } = change
      const old = rows.has(streamId) ? rows.get(streamId) : this.#overlays.get(streamId)?.row
      const mayKeep = change.binding !== true || this.#isUprooted(streamId)
      const decided = mayKeep ? applyChange(old, change) : null
      rows.set(streamId, decided === null ? old : decided.row)
      if (decided !== null) packs.set(streamId, [...(packs.get(streamId) ?? []), ...decided.packs])
      return decided !== null
    })
    for (const [streamId, row] of rows) {
      const overlay = this.#overlays.get(streamId)
      // A stream that is not there, and was not made: nothing to keep.
      if (row === undefined) this.#overlays.delete(streamId)
      else if (packs.has(streamId)) overlay?.write(row, packs.get(streamId) ?? [])
    }
    for (const [i, change] of changes.entries()) {
      const { streamId } = change
      const life = this.#overlays.get(streamId)?.ground.life ?? 0
      results.set(change, { row: rows.get(streamId), applied: applied[i] === true, life })
    }
    this.#keepWithin()
  }

  /** Creates a stream where nothing can be stored. What others own is not changed here: they would never see it. */
  async #openInMemory(
    channel: string,
    decide: (rows: readonly StreamRow[]) => readonly StreamRow[],
    error: unknown,
  ): Promise<void> {
    const stored = await this.#medium.rows(channel).catch((lost: unknown) => {
      if (!isMediumFailure(lost)) throw lost
      return [...this.#known.values()].map(({ row }) => row).filter((row) => row.channel === channel)
    })
    const rows = this.#join(stored, channel)
    const decided = decide(rows).map((row) => applyRow(channel, rows, row))
    this.#checkIds(
      decided.map(({ row }) => row),
      rows,
    )
    for (const { row, isNew } of decided) {
      if (isNew && (await this.#medium.row(row.streamId).catch(() => undefined))) throw idTaken(row.streamId)
    }
    const own = (streamId: string): boolean => this.#overlays.has(streamId) || this.#known.has(streamId)
    if (decided.some(({ row, isNew }) => !isNew && !own(row.streamId))) throw error
    this.#checkCount(error)
    for (const { row, isNew } of decided) {
      const known = this.#known.get(row.streamId)
      const overlay =
        this.#overlays.get(row.streamId) ??
        new Overlay(row.streamId, isNew || known === undefined ? { row: undefined, life: NaN } : known)
      overlay.write(row, [])
      this.#known.delete(row.streamId)
      this.#add(overlay)
    }
    this.#tell()
  }

  #checkIds(decided: readonly StreamRow[], rows: readonly StreamRow[]): void {
    for (const { streamId } of decided) {
      if (this.#overlays.has(streamId) && rows.every((row) => row.streamId !== streamId)) throw idTaken(streamId)
    }
  }

  #keepWithin(): void {
    const { maxSize = MAX_SIZE } = this.#options
    const overlays = [...this.#overlays.values()]
    for (let total = overlays.reduce((sum, { size }) => sum + size, 0); total > maxSize;) {
      // What is on its way to the medium must stay as it is.
      const largest = overlays.filter(({ settling }) => !settling).reduce<Overlay | null>(larger, null)
      if (largest === null || largest.size === 0) return
      total -= largest.size
      largest.drop()
      total += largest.size
    }
  }

  #giveWay({ streamId }: Overlay, stored: StreamRow | undefined): void {
    this.#overlays.delete(streamId)
    this.#known.delete(streamId)
    this.#tell()
    this.#options.gaveWay?.(streamId, stored)
  }

  #tell(): void {
    const durable = this.#overlays.size === 0
    if (durable === this.#durable) return
    this.#durable = durable
    this.#failures = 0
    this.#skip = 0
    this.#options.changed?.()
  }

  // ---- back to the medium

  async #settleAll(): Promise<void> {
    try {
      for (const overlay of [...this.#overlays.values()]) await this.#settle(overlay)
      this.#failures = 0
    } catch {
      this.#failures += 1
      this.#skip = Math.min(RAREST, 2 ** this.#failures) - 1
    }
    this.#tell()
  }

  #inTurn(act: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(act)
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  async #settle(overlay: Overlay): Promise<void> {
    const { streamId } = overlay
    const isHere = (): boolean => this.#overlays.get(streamId) === overlay
    while (isHere() && !overlay.leaving) {
      const { row, ground } = overlay
      const packs = [...overlay.packs]
      if (row === undefined) return
      overlay.settling = true
      let result: RowResult | undefined
      try {
        ;[result] = await this.#medium.commit([
          {
            streamId,
            decide: (stored) => {
              // Removed meanwhile, or moved by whom this hub does not know.
              if (!isHere() || overlay.leaving || !standsOn(ground, stored)) return null
              return stored !== undefined && stored.version !== ground.row?.version ? null : { row, packs }
            },
          },
        ])
      } finally {
        overlay.settling = false
      }
      if (result === undefined || overlay.leaving) return
      if (!isHere()) {
        // Removed by another hub, whose transaction may have come before this one.
        if (result.applied) await this.#medium.remove([streamId])
        return
      }
      if (result.applied && result.row !== undefined) {
        overlay.settled(result.row, result.life, packs.length)
        if (overlay.row === row) {
          this.#overlays.delete(streamId)
          this.#learn({ streamId, decide: () => null }, result)
        }
      } else if (result.row !== undefined && standsOn(ground, result.row)) {
        overlay.absorb(result.row)
      } else if (result.row === undefined && ground.row !== undefined && result.life !== ground.life) {
        overlay.loseGround(result.life)
      } else {
        this.#giveWay(overlay, result.row)
      }
    }
  }

  async #remove(streamIds: readonly string[], remove: () => Promise<void>): Promise<void> {
    const overlays = streamIds.map((id) => this.#overlays.get(id)).filter((overlay) => overlay !== undefined)
    // From here on nothing of them is written any more; a transaction that is on its way comes before the removal.
    for (const overlay of overlays) overlay.leaving = true
    try {
      await remove()
    } catch (error) {
      // What was never stored is gone once it is gone here.
      const inMemory = (id: string): boolean => {
        const overlay = this.#overlays.get(id)
        return overlay !== undefined && overlay.ground.row === undefined && !overlay.settling
      }
      if (streamIds.length === 0 || !streamIds.every(inMemory)) {
        for (const overlay of overlays) overlay.leaving = false
        throw error
      }
    }
    for (const streamId of streamIds) {
      this.#overlays.delete(streamId)
      this.#known.delete(streamId)
    }
    this.#tell()
    // What was removed may have made room.
    void this.settle({ now: true })
  }
}

const larger = (a: Overlay | null, b: Overlay): Overlay => (a !== null && a.size >= b.size ? a : b)
