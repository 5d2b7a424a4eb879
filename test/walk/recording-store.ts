import type { LogStore, StreamRow } from '../../src/store/log-store.ts'
import { isMediumFailure } from '../../src/store/store-error.ts'

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

/** Told of what a store refused to write: these streams, or a channel with whatever is in it. */
export type OnRefused = (what: { streamIds?: readonly string[]; channel?: string }) => void

/** A store that tells what it refused: its hub may go on in memory. */
export function telling<T extends LogStore>(store: T, refused: OnRefused): T {
  const own: Partial<LogStore> = {
    async commit(changes) {
      try {
        return await store.commit(changes)
      } catch (error) {
        if (isMediumFailure(error)) refused({ streamIds: changes.map(({ streamId }) => streamId) })
        throw error
      }
    },
    async openChannel(channel, decide) {
      try {
        await store.openChannel(channel, decide)
      } catch (error) {
        if (isMediumFailure(error)) refused({ channel })
        throw error
      }
    },
  }
  return new Proxy(store, {
    get: (target, key) => Reflect.get(own, key) ?? Reflect.get(target, key),
  })
}
