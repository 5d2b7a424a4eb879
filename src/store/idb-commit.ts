import type { PackedChunks } from '../protocol/packed-chunks.ts'
import { joinPacks } from '../protocol/packed-chunks.ts'
import { applyChange, applyRow, idTaken } from './apply-change.ts'
import type { JoinedRow, Origins } from './idb-origins.ts'
import { splitRow } from './idb-origins.ts'
import type { Origin } from './idb-schema.ts'
import { segmentsOf, streamsOf } from './idb-schema.ts'
import type { WriteTransaction } from './idb-transaction.ts'
import { Requests } from './idb-transaction.ts'
import type { RowChange, RowResult, StreamRow } from './log-store.ts'
import { planRuns, splitPack } from './plan-compaction.ts'

/** Writes a row, and its origin where that is new. Answers with the origin, to be remembered once it is stored. */
function putRow(tx: WriteTransaction, requests: Requests, row: StreamRow, old: JoinedRow | undefined): Origin[] {
  const { stored, origin, isNewOrigin } = splitRow(row, old)
  requests.add(tx.objectStore('streams').put(stored))
  if (isNewOrigin) requests.add(tx.objectStore('origins').put(origin))
  return isNewOrigin ? [origin] : []
}

/** The body of `commit`: two round trips, one to read all rows, one to write everything. */
export async function commitChanges(
  tx: WriteTransaction,
  origins: Origins,
  changes: readonly RowChange[],
): Promise<RowResult[]> {
  const segments = tx.objectStore('segments')
  const ids = [...new Set(changes.map(({ streamId }) => streamId))]
  const found = await Promise.all(ids.map((streamId) => origins.get(tx, streamId)))
  const before = new Map(ids.map((streamId, i) => [streamId, found[i]]))
  const rows = new Map(ids.map((streamId, i) => [streamId, found[i]?.row]))

  const packs = new Map<string, PackedChunks[]>()
  const applied = changes.map((change) => {
    const decided = applyChange(rows.get(change.streamId), change)
    if (decided === null) return false
    rows.set(change.streamId, decided.row)
    packs.set(change.streamId, [...(packs.get(change.streamId) ?? []), ...decided.packs])
    return true
  })

  const requests = new Requests()
  const written: Origin[] = []
  for (const [streamId, added] of packs) {
    const row = rows.get(streamId)
    if (row === undefined) continue
    const old = before.get(streamId)
    // What a damaged row left behind would show up in the new log.
    if (old === undefined) requests.add(segments.delete(segmentsOf(streamId)))
    written.push(...putRow(tx, requests, row, old))
    for (const run of planRuns(added.flatMap(splitPack)))
      requests.add(segments.put(joinPacks(run), [streamId, run[0].fromSeq]))
  }
  await requests.commit(tx)
  for (const origin of written) origins.remember(origin)
  return changes.map(({ streamId }, i) => ({ row: rows.get(streamId), applied: applied[i] === true }))
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
    return putRow(tx, requests, row, old)
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
