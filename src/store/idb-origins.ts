import type { Origin, StoredRow } from './idb-schema.ts'
import type { StreamRow } from './log-store.ts'
import { readableRow } from './readable-row.ts'

/** Most origins that are kept in memory: each may have 64 kB of `meta` beside its body. */
const MAX_KNOWN = 256
/** Most units of bodies among them: a hub has four streams live at a time, with at most 16 MB each, and its sessions hold the same objects anyway. */
const MAX_KNOWN_SIZE = 64 * 1024 * 1024

/** What is needed of a transaction, readonly or readwrite. */
interface RowTransaction {
  objectStore(name: 'streams' | 'origins'): { get(streamId: string): Promise<unknown> }
}

/** A row as callers know it, with the record that its unchanging part came from. */
export interface JoinedRow {
  row: StreamRow
  origin: Origin
}

/** Joins a row with what was found for its origin. A damaged one costs the stream its continuation; its chunks can still be read. */
function join({ origin: tag, ...rest }: StoredRow, found: unknown): JoinedRow {
  const { source = null, meta } = (found as Partial<Origin> | null | undefined)?.tag === tag ? (found as Origin) : {}
  const unchanging = { source, ...(meta !== undefined && { meta }) }
  return { row: { ...rest, ...unchanging }, origin: { streamId: rest.streamId, tag, ...unchanging } }
}

/** A row in the two parts that are stored, after it was `old`: `isNewOrigin` says whether the larger one has to be written at all. */
export function splitRow(
  row: StreamRow,
  old: JoinedRow | undefined,
): { stored: StoredRow; origin: Origin; isNewOrigin: boolean } {
  const { source, meta, ...rest } = row
  // By identity: whoever changes a row spreads the old one, and comparing bodies would cost more than writing them.
  const isNewOrigin = old === undefined || source !== old.row.source || meta !== old.row.meta
  // Random, so that what another hub remembers of a deleted stream of the same id and time is never taken for this.
  const origin = isNewOrigin
    ? { streamId: row.streamId, tag: Math.random(), source, ...(meta !== undefined && { meta }) }
    : old.origin
  return { stored: { ...rest, origin: origin.tag }, origin, isNewOrigin }
}

const sizeOf = ({ source }: Origin): number => source?.body?.length ?? 0

/**
 * What never changes of the streams that were seen last, so that an append neither writes nor reads it. What is remembered counts only where
 * the row, read in the transaction, has its tag.
 */
export class Origins {
  /** Least recently used first. */
  readonly #known = new Map<string, Origin>()
  #size = 0

  /** One row, in one round trip; two where another hub replaced the stream by one of the same id. */
  async get(tx: RowTransaction, streamId: string): Promise<JoinedRow | undefined> {
    const known = this.#known.get(streamId)
    const [found, beside] = await Promise.all([
      tx.objectStore('streams').get(streamId),
      known ?? tx.objectStore('origins').get(streamId),
    ])
    const stored = readableRow(found)
    if (stored === undefined) return undefined
    const isStale = known !== undefined && known.tag !== stored.origin
    return this.#remembered(stored, isStale ? await tx.objectStore('origins').get(streamId) : beside)
  }

  /** The row of a record that was read already. */
  async of(tx: RowTransaction, stored: StoredRow): Promise<JoinedRow> {
    return this.#remembered(stored, this.#match(stored) ?? (await tx.objectStore('origins').get(stored.streamId)))
  }

  /** The rows among many records. A list is not remembered: it would push out the streams that are live. */
  list(tx: RowTransaction, records: readonly unknown[]): Promise<JoinedRow[]> {
    const readable = records.map(readableRow).filter((stored) => stored !== undefined)
    const origins = tx.objectStore('origins')
    return Promise.all(
      readable.map(async (stored) => join(stored, this.#match(stored) ?? (await origins.get(stored.streamId)))),
    )
  }

  remember(origin: Origin): void {
    this.forget(origin.streamId)
    this.#known.set(origin.streamId, origin)
    this.#size += sizeOf(origin)
    for (const streamId of this.#known.keys()) {
      if (this.#known.size <= MAX_KNOWN && this.#size <= MAX_KNOWN_SIZE) return
      this.forget(streamId)
    }
  }

  forget(streamId: string): void {
    const known = this.#known.get(streamId)
    if (known === undefined) return
    this.#known.delete(streamId)
    this.#size -= sizeOf(known)
  }

  clear(): void {
    this.#known.clear()
    this.#size = 0
  }

  #match({ streamId, origin: tag }: StoredRow): Origin | undefined {
    const known = this.#known.get(streamId)
    return known?.tag === tag ? known : undefined
  }

  #remembered(stored: StoredRow, found: unknown): JoinedRow {
    const joined = join(stored, found)
    this.remember(joined.origin)
    return joined
  }
}
