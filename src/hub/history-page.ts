import { HeadwaterError } from '../protocol/errors.ts'
import type { HistoryOptions } from '../protocol/hub-port.ts'
import type { StreamRow } from '../store/log-store.ts'

/** Streams in one answer, and unless something else is asked for: each may carry a `meta` of 64 kB. */
export const MAX_HISTORY = 1_000

/**
 * The newest of a channel's streams, or of those before one of them; oldest first, as they come.
 * @throws {HeadwaterError} `unknown-stream` where `before` is none of them
 */
export function historyPage(rows: readonly StreamRow[], { limit = MAX_HISTORY, before }: HistoryOptions): StreamRow[] {
  const end = before === undefined ? rows.length : rows.findIndex(({ streamId }) => streamId === before)
  if (end === -1) {
    throw new HeadwaterError(
      'unknown-stream',
      `The channel has no stream "${before}". Ask for its history anew.`,
      before,
    )
  }
  return rows.slice(Math.max(0, end - limit), end)
}
