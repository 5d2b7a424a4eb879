import type { StreamRow } from './log-store.ts'

/** Oldest first; ids decide between streams of one millisecond, as IndexedDB's own index does. */
export function byAge(a: StreamRow, b: StreamRow): number {
  return a.createdAt - b.createdAt || (a.streamId < b.streamId ? -1 : a.streamId > b.streamId ? 1 : 0)
}
