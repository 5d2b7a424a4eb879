import type { ErrorValue } from '../protocol/errors.ts'
import type { Verb } from '../protocol/hub-port.ts'
import { endSeq, packChunks, packSize, slicePack, type PackedChunks } from '../protocol/packed-chunks.ts'
import { samePosition } from '../protocol/position.ts'
import type { Ending, Gap, NewChunk } from '../protocol/chunk.ts'
import type { Produce } from '../protocol/produce.ts'
import type { Status, WaitingFor } from '../protocol/state.ts'
import type { StreamRow } from '../store/log-store.ts'
import type { UpstreamFrame, UpstreamHead } from '../upstream/upstream.ts'
import { canContinue, isOpen, isProduced, mayFetch, wantsOwner } from './row.ts'

// What each transaction makes of a row. Pure: the store calls them inside the transaction, with the row as it is then.

/** How many applied verbs a row remembers. A verb is sent again within seconds; nobody gives a thousand in that time. */
const REMEMBERED_VERBS = 32

const changed = (row: StreamRow, now: number, change: Partial<StreamRow>): StreamRow => {
  const next = { ...row, ...change, version: row.version + 1, updatedAt: now }
  if (next.waitingFor === undefined) delete next.waitingFor
  return next
}

/** What a hub that was granted the lock finds to do (hand-over rules 1, 8 and 12). */
export type TakeOver =
  | { task: 'nothing'; row: StreamRow | null }
  /** The epoch was raised: fetch. */
  | { task: 'fetch'; row: StreamRow }
  /** Tell the producer first, then call {@link endCancelled}. */
  | { task: 'tell-producer'; row: StreamRow | null }

/**
 * Rule 1: one transaction reads what is committed and raises the epoch; only then may the new owner fetch. Rule 12: intents are obeyed first.
 * `row: null` leaves the row as it is.
 */
export function takeOver(row: StreamRow | undefined, now: number): TakeOver {
  if (row === undefined || !wantsOwner(row)) return { task: 'nothing', row: null }
  // The page that produced it held this lock for as long as it lived.
  if (isProduced(row)) return { task: 'nothing', row: producerLost(row, now) }
  if (row.intent?.kind === 'cancel') return { task: 'tell-producer', row: null }
  const epoch = row.epoch + 1
  if (row.intent?.kind === 'stop') {
    return {
      task: 'nothing',
      row: changed(row, now, {
        epoch,
        intent: null,
        ...(row.ending === null && { status: 'stopped' as const, waitingFor: undefined }),
      }),
    }
  }
  if (!mayFetch(row)) {
    return { task: 'nothing', row: changed(row, now, { epoch, ...disconnectedForGood() }) }
  }
  return {
    task: 'fetch',
    row: changed(row, now, {
      epoch,
      status: row.status === 'streaming' ? 'reconnecting' : row.status,
    }),
  }
}

/** Rule 12: the producer was told, now the stream ends. Also fences whoever still writes. */
export function endCancelled(row: StreamRow | undefined, now: number): StreamRow | null {
  if (row === undefined || row.ending !== null) return null
  return changed(row, now, {
    epoch: row.epoch + 1,
    intent: null,
    status: 'stopped',
    waitingFor: undefined,
    ...cancelled(row.intent?.reason),
  })
}

const cancelled = (reason: string | undefined): Pick<StreamRow, 'ending' | 'reason'> => ({
  ending: { kind: 'cancelled', ...(reason !== undefined && { code: 'by-reader' }) },
  ...(reason !== undefined && { reason }),
})

/** The page that produced the stream is gone: it closed, crashed, or went to the back-forward cache. */
function producerLost(row: StreamRow, now: number): StreamRow {
  const ending: Ending = { kind: 'error', code: 'producer-lost' }
  return changed(row, now, {
    epoch: row.epoch + 1,
    intent: null,
    status: 'error',
    waitingFor: undefined,
    ending,
    failure: failureOf(ending, undefined),
  })
}

/**
 * What a page produced, in one row change with the ending that may come with it. What the log has of it already is passed over: the page's
 * call was sent again. `null` where nothing is left to do, or the stream is stopped or has ended.
 */
export function produce(row: StreamRow, what: Produce, now: number): { row: StreamRow; packs: PackedChunks[] } | null {
  if (row.ending !== null || row.status !== 'streaming') return null
  const packs = what.packs.flatMap((pack) => slicePack(pack, row.seq + 1) ?? [])
  const last = packs.at(-1)
  if (last === undefined && what.ending === undefined) return null
  const { kind } = what.ending ?? {}
  const ending: Ending | null =
    kind === undefined ? null : { kind, ...(kind === 'error' && { code: 'upstream-error' }) }
  return {
    packs,
    row: changed(row, now, {
      seq: last === undefined ? row.seq : endSeq(last) - 1,
      size: packs.reduce((size, pack) => size + packSize(pack), row.size),
      ...(ending !== null && {
        ending,
        status: statusOf(ending),
        failure: failureOf(ending, what.message),
      }),
    }),
  }
}

/** A stream that a page writes ends, and not by the page. */
export function endLocally(row: StreamRow, ending: Ending, failure: ErrorValue): StreamRow {
  return {
    ...row,
    epoch: row.epoch + 1,
    ending,
    status: statusOf(ending),
    failure: ending.kind === 'error' ? failure : null,
  }
}

const disconnectedForGood = (): Partial<StreamRow> => ({
  status: 'disconnected',
  waitingFor: undefined,
  resumable: false,
  failure: {
    code: 'not-resumable',
    message:
      'The connection was lost and this stream cannot be continued. Everything received is kept. Try again to start a new run.',
  },
})

/** The place from which an owner's next append starts. */
export interface Base {
  epoch: number
  seq: number
  position: StreamRow['position']
}

/** Rule 2: the one fence, checked inside the transaction that writes. */
export function mayWrite(row: StreamRow | undefined, base: Base): row is StreamRow {
  return (
    row !== undefined &&
    row.epoch === base.epoch &&
    row.intent === null &&
    isOpen(row) &&
    row.seq === base.seq &&
    samePosition(row.position, base.position)
  )
}

/** Everything that one append brings. */
export interface Appended {
  chunks: readonly NewChunk[]
  gaps: readonly { before: number; reason: Gap['reason'] }[]
  position: StreamRow['position']
  verdict: StreamRow['verdict']
  ending?: Ending
  message?: string
}

/** Several frames as one append. */
export function joinFrames(frames: readonly UpstreamFrame[], now: number): Appended {
  const chunks: NewChunk[] = []
  const gaps: { before: number; reason: Gap['reason'] }[] = []
  for (const frame of frames) {
    if (frame.gap !== undefined) {
      gaps.push({ before: chunks.length, reason: frame.gap })
      // A gap takes a seq of its own in the log, so that what follows can be numbered; readers see the gap, never this chunk.
      chunks.push({ time: now, data: '' })
    }
    for (const chunk of frame.chunks) chunks.push(chunk)
  }
  const last = frames[frames.length - 1] as UpstreamFrame
  return {
    chunks,
    gaps,
    position: last.position,
    verdict: last.verdict,
    ...(last.ending !== undefined && { ending: last.ending }),
    ...(last.message !== undefined && { message: last.message }),
  }
}

const statusOf = (ending: Ending): Status =>
  ending.kind === 'done' ? 'done' : ending.kind === 'cancelled' ? 'stopped' : 'error'

function failureOf(ending: Ending, message: string | undefined): ErrorValue | null {
  if (ending.kind !== 'error') return null
  const text =
    message ??
    (ending.code === 'producer-lost'
      ? 'Who produced this stream is gone. Everything received is kept.'
      : ending.exitCode !== undefined
        ? `The command failed with exit status ${ending.exitCode}.`
        : 'The upstream reported an error. Everything received is kept.')
  return { code: ending.code === 'producer-lost' ? 'producer-lost' : 'upstream-error', message: text, data: ending }
}

/** I7: chunks, position, status and ending in one row change, or `null` where the writer is fenced. */
export function append(
  row: StreamRow | undefined,
  base: Base,
  what: Appended,
  now: number,
): { row: StreamRow; packs: PackedChunks[] } | null {
  if (!mayWrite(row, base)) return null
  const packs = packChunks(what.chunks, row.seq + 1)
  const last = packs[packs.length - 1]
  const gaps = what.gaps.map(({ before, reason }) => {
    const seq = row.seq + 1 + before
    return { fromSeq: seq, toSeq: seq, reason }
  })
  return {
    packs,
    row: changed(row, now, {
      seq: last === undefined ? row.seq : endSeq(last) - 1,
      size: packs.reduce((size, pack) => size + packSize(pack), row.size),
      position: what.position,
      verdict: what.verdict,
      status: what.ending === undefined ? 'streaming' : statusOf(what.ending),
      waitingFor: undefined,
      failure: what.ending === undefined ? null : failureOf(what.ending, what.message),
      ...(what.ending !== undefined && { ending: what.ending }),
      ...(gaps.length > 0 && { gaps: [...row.gaps, ...gaps] }),
    }),
  }
}

/** Rule 8: a request that is not idempotent is sent once; so that it may have been sent is committed first. */
export function sending(row: StreamRow, now: number): StreamRow {
  return changed(row, now, {
    sent: true,
    ...(row.status === 'queued' && { status: 'connecting', waitingFor: undefined }),
  })
}

/** The request stays in the outbox: for lack of a network, or (`waitingFor` undefined) until the stream before it has come to rest. */
export function queued(row: StreamRow, waitingFor: 'network' | undefined, now: number): StreamRow | null {
  if (row.status === 'queued' && row.waitingFor === waitingFor) return null
  return changed(row, now, { status: 'queued', waitingFor, outbox: 'queued' })
}

/** What the response's head told. Committed at once, so that a hub that dies before the first chunk leaves the resume address behind. */
export function connected(row: StreamRow, head: UpstreamHead, now: number): StreamRow {
  const resumeUrl = row.resumeUrl ?? head.resumeUrl
  return changed(row, now, {
    status: 'streaming',
    waitingFor: undefined,
    failure: null,
    contentType: head.contentType,
    dialect: head.dialect ?? row.dialect,
    resumeUrl,
    cancelUrl: row.cancelUrl ?? head.cancelUrl,
    resumable: head.resumable || resumeUrl !== null || row.source?.idempotent === true,
  })
}

/** A change of status only. */
export function waiting(
  row: StreamRow,
  status: Status,
  waitingFor: WaitingFor | undefined,
  now: number,
): StreamRow | null {
  if (row.status === status && row.waitingFor === waitingFor) return null
  return changed(row, now, { status, waitingFor })
}

/** The connection is lost. What cannot be continued is disconnected for good, with everything kept. */
export function lost(
  row: StreamRow,
  next: { status: 'reconnecting' | 'disconnected'; waitingFor: WaitingFor },
  failure: ErrorValue,
  now: number,
): StreamRow {
  if (!mayFetch(row) || !row.resumable || failure.code === 'not-resumable') {
    return changed(row, now, disconnectedForGood())
  }
  return changed(row, now, { ...next, failure: next.status === 'disconnected' ? failure : null })
}

/** The server refused in a way that another attempt would not change. */
export function refused(row: StreamRow, failure: ErrorValue, now: number): StreamRow {
  return changed(row, now, {
    status: 'error',
    waitingFor: undefined,
    ending: { kind: 'error', code: failure.code },
    failure,
  })
}

/** What a verb does to a row, in the transaction of the hub that received it (hand-over rules 12 and 13). */
export function applyVerb(row: StreamRow, verb: Verb, now: number): StreamRow | null {
  if (row.verbIds.includes(verb.verbId)) return null
  const change = verbChange(row, verb)
  if (change === null) return null
  return changed(row, now, { ...change, verbIds: [...row.verbIds, verb.verbId].slice(-REMEMBERED_VERBS) })
}

/** A page that produces looks at its row before every write, and is refused there: so a verb takes effect in the very transaction that records it. */
function producedChange(row: StreamRow, verb: Verb): Partial<StreamRow> | null {
  switch (verb.kind) {
    case 'cancel':
      return { epoch: row.epoch + 1, status: 'stopped', ...cancelled(verb.reason) }
    case 'stop':
      return row.status === 'streaming' ? { status: 'stopped' } : null
    case 'resume':
      return row.status === 'stopped' ? { status: 'streaming' } : null
  }
}

function verbChange(row: StreamRow, verb: Verb): Partial<StreamRow> | null {
  if (row.ending !== null || row.intent?.kind === 'cancel') return null
  if (isProduced(row)) return producedChange(row, verb)
  switch (verb.kind) {
    case 'cancel':
      return { intent: { kind: 'cancel', ...(verb.reason !== undefined && { reason: verb.reason }) } }
    case 'stop':
      return isOpen(row) || row.status === 'disconnected' ? { intent: { kind: 'stop' } } : null
    case 'resume':
      if (row.intent?.kind === 'stop') return { intent: null }
      return (row.status === 'stopped' || row.status === 'disconnected') && canContinue(row)
        ? { status: 'connecting', waitingFor: undefined, failure: null }
        : null
  }
}
