import type { StreamSnapshot } from '../protocol/snapshot.ts'
import type { StoredSource } from '../protocol/source.ts'
import { START } from '../protocol/position.ts'
import type { UploadProgress } from '../protocol/state.ts'
import type { UploadTarget } from '../protocol/upload.ts'
import type { StreamRow, Upload } from '../store/log-store.ts'

/** The row of a stream that was just created. */
export function newRow(
  stream: Pick<StreamRow, 'streamId' | 'channel' | 'meta' | 'retention' | 'unwatched' | 'outbox'> &
    ({ source: StoredSource } | { source: null; producer: string; dialect: string | null; upload?: UploadTarget }),
  now: number,
): StreamRow {
  const { source, meta, retention, unwatched, outbox } = stream
  return {
    streamId: stream.streamId,
    channel: stream.channel,
    source,
    ...(source === null && { producer: stream.producer, ...(stream.upload && { upload: newUpload(stream.upload) }) }),
    ...(meta !== undefined && { meta }),
    ...(retention !== undefined && { retention }),
    ...(unwatched !== undefined && { unwatched }),
    ...(outbox !== undefined && { outbox }),
    version: 1,
    epoch: 0,
    seq: 0,
    firstSeq: 1,
    position: START,
    // Nobody has to be asked for what a page writes.
    status: source === null ? 'streaming' : outbox === 'queued' ? 'queued' : 'connecting',
    sent: false,
    resumeUrl: source?.resume ?? null,
    cancelUrl: source?.cancel ?? null,
    resumable: source !== null && (source.idempotent || source.resume !== null),
    intent: null,
    verbIds: [],
    verdict: null,
    ending: null,
    failure: null,
    gaps: [],
    dialect: source === null ? stream.dialect : source.dialect,
    contentType: null,
    size: 0,
    createdAt: now,
    updatedAt: now,
  }
}

/** An upload that has not begun. */
function newUpload(target: UploadTarget): Upload {
  const progress = { created: false, leased: false, seq: 0, size: 0, request: 0, sending: null, carry: '' }
  return { ...target, ...progress, epoch: 0, over: false, failure: null }
}

/** Whether chunks, or the ending, have still to go to the page's server. */
export function mustUpload(row: StreamRow): row is StreamRow & { upload: Upload } {
  return row.upload?.over === false
}

/** Whether upstream may still be fetched for this stream: it is neither ended nor stopped, and can be continued. */
export function isOpen(row: StreamRow): boolean {
  switch (row.status) {
    case 'queued':
    case 'connecting':
    case 'streaming':
    case 'reconnecting':
      return true
    case 'disconnected':
      return row.resumable
    default:
      return false
  }
}

/** Whether a page writes this stream, and has not finished. */
export function isProduced(row: StreamRow): boolean {
  return row.producer !== undefined && row.ending === null
}

/** Whether somebody has to own the stream: to fetch it, to carry out a verb, or, where a page does, to notice that it is gone. */
export function wantsOwner(row: StreamRow): boolean {
  return isProduced(row) || isOpen(row) || row.intent !== null
}

/** Whether a hub has something to do for the stream although nobody reads it. */
export function wantsHub(row: StreamRow): boolean {
  return wantsOwner(row) || mustUpload(row)
}

/** Whether a request for this stream could be sent (again) without a second run: hand-over rule 8. */
export function mayFetch(row: StreamRow): boolean {
  if (row.source === null) return false
  return !row.sent || row.source.idempotent || row.resumeUrl !== null
}

/** Whether `resume` would bring more of the stream, as far as is known before the first request was sent. */
export function canContinue(row: StreamRow): boolean {
  return isProduced(row) || (row.source !== null && (!row.sent || row.resumable))
}

/** Whether a stream waits in the outbox, or is about to: its request was not sent, and is to be sent only where that can succeed. */
export function isUnsent(row: StreamRow): boolean {
  return row.outbox !== undefined && !row.sent && isOpen(row)
}

/**
 * Whether the next stream of the channel that is sent with `whenOffline: 'queue'` waits for this one. One that was sent at once, because nothing
 * stood in its way, is replaced, as with any `send`.
 */
export function holdsUp(row: StreamRow): boolean {
  return (row.outbox === 'queued' || isUnsent(row)) && wantsOwner(row)
}

function progressOf({ upload, size }: StreamRow): { upload?: UploadProgress } {
  if (upload === undefined) return {}
  const { url, seq, size: loaded, over, failure, waitingFor } = upload
  const done = over && failure === null
  return { upload: { url, seq, loaded, total: size, done, ...(waitingFor && { waitingFor }), failure } }
}

/** What tabs are told of a row. */
export function snapshotOf(row: StreamRow): StreamSnapshot {
  const needsTab = row.status === 'queued' || (row.ending === null && row.unwatched !== undefined)
  const resting = row.status === 'stopped' || row.status === 'disconnected'
  return {
    streamId: row.streamId,
    channel: row.channel,
    version: row.version,
    epoch: row.epoch,
    seq: row.seq,
    firstSeq: row.firstSeq,
    status: row.status,
    ...(row.waitingFor !== undefined && { waitingFor: row.waitingFor }),
    ending: row.ending,
    failure: row.failure,
    ...(row.reason !== undefined && { reason: row.reason }),
    ...(needsTab && { needsTab }),
    canResume: row.ending === null && resting && canContinue(row),
    canRetry: row.source !== null && (row.ending !== null || resting),
    gaps: row.gaps,
    ...progressOf(row),
    ...(row.meta !== undefined && { meta: row.meta }),
    dialect: row.dialect,
    contentType: row.contentType,
    url: row.source?.url ?? null,
    size: row.size,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  }
}
