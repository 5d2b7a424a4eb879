import type { ErrorValue } from '../protocol/errors.ts'
import type { StartStream } from '../protocol/hub-port.ts'
import type { StoredSource } from '../protocol/source.ts'
import type { StreamRow } from '../store/log-store.ts'
import { endCancelled } from './row-changes.ts'
import { holdsUp, isProduced, newRow } from './row.ts'

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
  const { mode } = request
  // The same start again, after a hub died: it is done.
  const same = rows.find((row) => row.streamId === request.streamId)
  if (same !== undefined) {
    return isSameStart(same, request) ? join(same) : { row: same, writes: [], error: notAgain(same) }
  }
  if (typeof mode === 'object' && 'produce' in mode) return startProduced(rows, request, mode.produce, now)
  const newest = rows[rows.length - 1]
  let { source } = request
  let { meta, whenOffline } = request
  if (mode === 'join') {
    const joined = rows.findLast((row) => sameSource(row.source, source))
    if (joined !== undefined && !(isRefused(joined) && source?.idempotent === true)) return join(joined)
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
        message:
          'There is no stream to try again: it was deleted, or a page produced it, which alone can start it again.',
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
      ...(request.unwatched !== undefined && { unwatched: request.unwatched }),
      ...(queues && { outbox: waits ? 'queued' : 'direct' }),
    },
    laterThan(newest, now),
  )
  const cancelled = mode === 'join' ? [] : cancelAll(rows, now, queues)
  return { row, writes: [...cancelled, row] }
}

/** Whether the stream came of this very start, which is sent again where its answer was lost. */
function isSameStart(row: StreamRow, { mode, source }: StartStream): boolean {
  if (typeof mode === 'string') return sameSource(row.source, source)
  return 'produce' in mode ? row.producer === mode.produce : row.source !== null
}

/** Failed, with nothing received: nobody misses it, and where to ask again costs nothing, upstream may answer by now. */
const isRefused = (row: StreamRow): boolean => row.ending?.kind === 'error' && row.seq === 0

/** Rows of a channel are ordered by creation: two in one millisecond keep their order. */
const laterThan = (newest: StreamRow | undefined, now: number): number => Math.max(now, (newest?.createdAt ?? 0) + 1)

/**
 * `send`, `retry` and `start` leave one live stream per channel: what is not ended is cancelled in this very transaction, by intent where
 * an upstream has to be told. `open` hurts nobody, and what is queued waits for what was queued before it.
 */
function cancelAll(rows: readonly StreamRow[], now: number, queues: boolean): StreamRow[] {
  return rows
    .filter((old) => old.ending === null && old.intent?.kind !== 'cancel' && !(queues && holdsUp(old)))
    .map((old): StreamRow => {
      const asked: StreamRow = { ...old, intent: { kind: 'cancel', reason: 'replaced' }, version: old.version + 1 }
      return isProduced(old) ? (endCancelled(asked, now) ?? asked) : asked
    })
}

/** A stream that a page writes: nothing has to be fetched, so it is live at once. */
function startProduced(rows: readonly StreamRow[], request: StartStream, producer: string, now: number): StartOutcome {
  const { streamId, channel, meta, retention, unwatched, dialect = null, upload } = request
  const newest = rows.at(-1)
  const row = newRow(
    {
      streamId,
      channel,
      ...(meta !== undefined && { meta }),
      retention: retention ?? newest?.retention,
      ...(unwatched !== undefined && { unwatched }),
      source: null,
      producer,
      dialect,
      ...(upload && { upload }),
    },
    laterThan(newest, now),
  )
  return { row, writes: [...cancelAll(rows, now, false), row] }
}

/** A stream is started whose id is another's. Ended ones too: chunks are never changed, and views hold their seqs. */
function notAgain({ streamId, ending }: StreamRow): ErrorValue {
  return ending === null
    ? {
        code: 'live-id',
        message: `A stream "${streamId}" is live. Choose another id, or cancel it first.`,
        data: streamId,
      }
    : {
        code: 'bad-id',
        message: `A stream "${streamId}" exists and has ended. Choose another id, or forget it first.`,
        data: streamId,
      }
}
