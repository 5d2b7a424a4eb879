import type { ErrorValue } from '../protocol/errors.ts'
import type { StartStream } from '../protocol/hub-port.ts'
import type { StoredSource } from '../protocol/source.ts'
import type { StreamRow } from '../store/log-store.ts'
import { holdsUp, newRow } from './row.ts'

/** What a start comes to: the stream that the caller gets, and the rows to write. */
export interface StartOutcome {
  row: StreamRow
  writes: readonly StreamRow[]
  error?: ErrorValue
}

const sameBody = (a: StoredSource['body'], b: StoredSource['body']): boolean =>
  a === b ||
  (a instanceof Uint8Array && b instanceof Uint8Array && a.length === b.length && a.every((byte, i) => byte === b[i]))

/** Whether two sources ask for the same thing; how to read the answer does not matter. */
function sameSource(a: StoredSource | null, b: StoredSource | null): boolean {
  return a !== null && b !== null && a.url === b.url && a.method === b.method && sameBody(a.body, b.body)
}

/**
 * Decided inside the transaction on a channel's rows, oldest first: pure, so that of two tabs that start at once the second sees what the
 * first made, and joins (I1).
 */
export function decideStart(
  rows: readonly StreamRow[],
  request: StartStream,
  now: number,
  /** What the browser says of the network. */
  online = true,
): StartOutcome {
  const join = (row: StreamRow): StartOutcome => ({ row, writes: [] })
  // The same start again, after a hub died: it is done.
  const same = rows.find((row) => row.streamId === request.streamId)
  if (same !== undefined) return join(same)

  const { mode } = request
  const newest = rows[rows.length - 1]
  let { source } = request
  let { meta, whenOffline } = request
  if (mode === 'join') {
    const joined = rows.findLast((row) => sameSource(row.source, source))
    if (joined !== undefined) return join(joined)
  } else if (mode !== 'replace') {
    const retried = rows.find((row) => row.streamId === mode.retryOf)
    if (newest !== undefined && newest.streamId !== mode.retryOf) return join(newest)
    source = retried?.source ?? null
    meta = retried?.meta
    if (retried?.outbox !== undefined) whenOffline = 'queue'
  }
  if (source === null) {
    return {
      row: rows[0] as StreamRow,
      writes: [],
      error: {
        code: 'unknown-stream',
        message: 'There is no stream to try again: it was deleted, or a page produced it.',
        data: typeof mode === 'object' ? mode.retryOf : null,
      },
    }
  }
  const queues = whenOffline === 'queue'
  const waits = queues && (!online || rows.some(holdsUp))
  const row = newRow(
    {
      streamId: request.streamId,
      channel: request.channel,
      source,
      ...(meta !== undefined && { meta }),
      // A channel that says nothing keeps what it said before.
      retention: request.retention ?? newest?.retention,
      ...(queues && { outbox: waits ? 'queued' : 'direct' }),
    },
    // Rows of a channel are ordered by creation: two in one millisecond keep their order.
    Math.max(now, (newest?.createdAt ?? 0) + 1),
  )
  // `send` and `retry` leave one live stream per channel: what is not ended is cancelled, by intent, in this very transaction. `open` hurts nobody,
  // and what is queued waits for what was queued before it.
  const cancelled = (mode === 'join' ? [] : rows)
    .filter((old) => old.ending === null && old.intent?.kind !== 'cancel' && !(queues && holdsUp(old)))
    .map((old): StreamRow => ({ ...old, intent: { kind: 'cancel', reason: 'replaced' }, version: old.version + 1 }))
  return { row, writes: [...cancelled, row] }
}
