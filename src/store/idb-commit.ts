import type { PackedChunks } from '../protocol/packed-chunks.ts'
import { encodePack, joinPacks } from '../protocol/packed-chunks.ts'
import { applyChange, applyRow, idTaken } from './apply-change.ts'
import type { JoinedRow, Origins } from './idb-origins.ts'
import { splitRow } from './idb-origins.ts'
import type { Origin } from './idb-schema.ts'
import { segmentsOf, streamsOf } from './idb-schema.ts'
import type { WriteTransaction } from './idb-transaction.ts'
import { Requests } from './idb-transaction.ts'
import type { RowChange, RowResult, StreamRow } from './log-store.ts'
import { planRuns, splitPack } from './plan-compaction.ts'

/** Writes a row, and its origin where that is new: `written` holds it then, to be remembered once it is stored. */
function putRow(
  tx: WriteTransaction,
  requests: Requests,
  row: StreamRow,
  old: JoinedRow | undefined,
): { origin: Origin; written: Origin[] } {
  const { stored, origin, isNewOrigin } = splitRow(row, old)
  requests.add(tx.objectStore('streams').put(stored))
  if (isNewOrigin) requests.add(tx.objectStore('origins').put(origin))
  return { origin, written: isNewOrigin ? [origin] : [] }
}

/** The rows were not what was assumed: nothing was written. */
export class StaleRows extends Error {}

/** Whether two readings are of one state of one stream: its version rises with every change, and its origin's tag is its own. Epoch and seq are the fence itself. */
function isSame(a: JoinedRow | undefined, b: JoinedRow | undefined): boolean {
  return (
    a?.row.version === b?.row.version &&
    a?.row.epoch === b?.row.epoch &&
    a?.row.seq === b?.row.seq &&
    a?.origin.tag === b?.origin.tag
  )
}

/**
 * The body of `commit`. Where this store wrote all these rows last, they are most likely what they were: everything is issued at once on that
 * assumption, and committed only if the rows, read in this same transaction, say so too (hand-over rule 2). Without `known` it is two round trips, one to read all
 * rows, one to write everything.
 * @throws {StaleRows}
 */
export async function commitChanges(
  tx: WriteTransaction,
  origins: Origins,
  changes: readonly RowChange[],
  life: number,
  known?: ReadonlyMap<string, JoinedRow>,
): Promise<{ results: RowResult[]; rows: Map<string, JoinedRow> }> {
  const segments = tx.objectStore('segments')
  const ids = [...new Set(changes.map(({ streamId }) => streamId))]
  const reading = Promise.all(ids.map((streamId) => origins.get(tx, streamId)))
  reading.catch(() => undefined)
  const before = known ?? new Map((await reading).map((joined, i) => [ids[i], joined]))
  const rows = new Map(ids.map((streamId) => [streamId, before.get(streamId)?.row]))

  const packs = new Map<string, PackedChunks[]>()
  const applied = changes.map((change) => {
    const decided = applyChange(rows.get(change.streamId), change)
    if (decided === null) return false
    rows.set(change.streamId, decided.row)
    packs.set(change.streamId, [...(packs.get(change.streamId) ?? []), ...decided.packs])
    return true
  })

  const requests = new Requests()
  const after = new Map<string, JoinedRow>()
  const written: Origin[] = []
  for (const streamId of ids) {
    const row = rows.get(streamId)
    const old = before.get(streamId)
    const added = packs.get(streamId)
    if (row === undefined) continue
    if (added === undefined) {
      if (old !== undefined) after.set(streamId, old)
      continue
    }
    // What a damaged row left behind would show up in the new log.
    if (old === undefined) requests.add(segments.delete(segmentsOf(streamId)))
    const put = putRow(tx, requests, row, old)
    written.push(...put.written)
    after.set(streamId, { row, origin: put.origin })
    for (const run of planRuns(added.flatMap(splitPack)))
      requests.add(segments.put(encodePack(joinPacks(run)), [streamId, run[0].fromSeq]))
  }
  if (known !== undefined) {
    const found = await reading
    if (!ids.every((streamId, i) => isSame(known.get(streamId), found[i]))) throw new StaleRows()
  }
  await requests.commit(tx)
  for (const origin of written) origins.remember(origin)
  const results = changes.map(({ streamId }, i) => ({ row: rows.get(streamId), applied: applied[i] === true, life }))
  return { results, rows: after }
}

/** The body of `openChannel`. */
export async function writeChannel(
  tx: WriteTransaction,
  origins: Origins,
  channel: string,
  decide: (rows: readonly StreamRow[]) => readonly StreamRow[],
): Promise<void> {
  const streams = tx.objectStore('streams')
  const found = await origins.list(tx, await streams.index('byChannel').getAll(streamsOf(channel)))
  const rows = found.map(({ row }) => row)
  const changed = decide(rows).map((row) => applyRow(channel, rows, row))
  const created = changed.filter(({ isNew }) => isNew).map(({ row }) => row)
  const taken = await Promise.all(created.map(({ streamId }) => streams.getKey(streamId)))
  for (const streamId of taken) if (streamId !== undefined) throw idTaken(streamId)

  const requests = new Requests()
  const written = changed.flatMap(({ row }) => {
    const old = found.find((joined) => joined.row.streamId === row.streamId)
    return putRow(tx, requests, row, old).written
  })
  for (const { streamId } of created) requests.add(tx.objectStore('segments').delete(segmentsOf(streamId)))
  await requests.commit(tx)
  for (const origin of written) origins.remember(origin)
}

/** The body of `remove`. */
export async function removeStreams(tx: WriteTransaction, streamIds: readonly string[]): Promise<void> {
  const requests = new Requests()
  for (const streamId of streamIds) {
    requests.add(tx.objectStore('streams').delete(streamId))
    requests.add(tx.objectStore('origins').delete(streamId))
    requests.add(tx.objectStore('segments').delete(segmentsOf(streamId)))
  }
  await requests.commit(tx)
}
