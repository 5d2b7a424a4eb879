import type { LogStore, StreamRow } from '../../src/store/log-store.ts'

/** Told of every row right after the transaction that wrote it. */
export type OnCommitted = (row: StreamRow) => void

/** A store that tells what was committed. Closing it closes nothing where other hubs use the same. */
export function recording(store: LogStore, committed: OnCommitted, close: () => void): LogStore {
  return {
    durable: store.durable,
    row: (streamId) => store.row(streamId),
    rows: (channel) => store.rows(channel),
    newest: (channel) => store.newest(channel),
    async commit(changes) {
      const results = await store.commit(changes)
      // Several changes of one stream are one new version of its row.
      const rows = results.flatMap(({ row, applied }) => (applied && row !== undefined ? [row] : []))
      for (const row of new Map(rows.map((row) => [row.streamId, row])).values()) committed(row)
      return results
    },
    async openChannel(channel, decide) {
      let written: readonly StreamRow[] = []
      await store.openChannel(channel, (rows) => (written = decide(rows)))
      for (const row of written) committed(row)
    },
    readLog: (streamId, fromSeq, limits) => store.readLog(streamId, fromSeq, limits),
    prune: (streamId, maxSize) => store.prune(streamId, maxSize),
    compact: (streamId) => store.compact(streamId),
    remove: (streamIds) => store.remove(streamIds),
    clear: () => store.clear(),
    close,
  }
}
