import type { Ending } from '../protocol/chunk.ts'
import type { ErrorValue } from '../protocol/errors.ts'
import type { WaitingFor } from '../protocol/state.ts'
import type { StreamRow, Upload } from '../store/log-store.ts'
import { endLocally } from './row-changes.ts'
import { mustUpload } from './row.ts'

// What each transaction of an upload makes of a row: pure, as in `row-changes.ts`.

type UploadingRow = StreamRow & { upload: Upload }

/** A batch that may be sent: chunks up to `toSeq`, and the ending where it closes the stream. */
export type Sending = NonNullable<Upload['sending']>

/** Rule 2, for uploads: whoever took over last may write, and from the place alone that it starts from. */
function mayUpload(row: StreamRow | undefined, base: Pick<Upload, 'epoch' | 'request'>): row is UploadingRow {
  return row !== undefined && mustUpload(row) && row.upload.epoch === base.epoch && row.upload.request === base.request
}

const withUpload = (row: UploadingRow, change: Partial<Upload>, now: number): UploadingRow => {
  const upload = { ...row.upload, ...change }
  if (upload.waitingFor === undefined) delete upload.waitingFor
  return { ...row, upload, version: row.version + 1, updatedAt: now }
}

/** Rule 1, for uploads: what is sent next is read in the transaction that raises the epoch. */
export function takeOverUpload(row: StreamRow | undefined, now: number): UploadingRow | null {
  if (row === undefined || !mustUpload(row)) return null
  return withUpload(row, { epoch: row.upload.epoch + 1, waitingFor: undefined }, now)
}

/** The server's stream is there. */
export function uploadCreated(
  row: StreamRow | undefined,
  base: Upload,
  found: Pick<Upload, 'contentType' | 'leased'>,
  now: number,
): UploadingRow | null {
  return mayUpload(row, base) ? withUpload(row, { ...found, created: true, waitingFor: undefined }, now) : null
}

/** What the server acknowledged. `request` of a batch without a byte is not used up. */
export interface Acknowledged {
  size: number
  carry: string
  wasSent: boolean
}

/**
 * The server has a batch (`null`: nothing was under way), and the next one is decided on, in one transaction. Its boundary and number are stored before it is sent
 * (rule 8): whoever takes over sends the very same again, and the server knows it by its number.
 * @param upTo the seq up to which the next batch may go
 */
export function advanceUpload(
  row: StreamRow | undefined,
  base: Upload,
  done: Acknowledged | null,
  upTo: number,
  now: number,
): UploadingRow | null {
  if (!mayUpload(row, base)) return null
  const { upload } = row
  let { seq, size, request } = upload
  if (done !== null) {
    if (upload.sending === null) return null
    seq = upload.sending.toSeq
    size += done.size
    request += done.wasSent ? 1 : 0
  } else if (upload.sending !== null) return null
  const carry = done?.carry ?? upload.carry
  if (done !== null && upload.sending?.closes === true) {
    return withUpload(row, { seq, size, request, carry, sending: null, over: true, waitingFor: undefined }, now)
  }
  const toSeq = Math.max(seq, Math.min(upTo, row.seq))
  const closes = row.ending !== null && toSeq === row.seq
  const sending: Sending | null = toSeq > seq || closes ? { toSeq, closes } : null
  if (done === null && sending === null) return null
  return withUpload(row, { seq, size, request, carry, sending, waitingFor: undefined }, now)
}

/** The upload does not move. `null` where the row says so already. */
export function uploadWaits(
  row: StreamRow | undefined,
  base: Upload,
  waitingFor: WaitingFor | undefined,
  now: number,
): UploadingRow | null {
  if (!mayUpload(row, base) || row.upload.waitingFor === waitingFor) return null
  return withUpload(row, { waitingFor }, now)
}

/** Nothing more can be uploaded. What is still written ends with it; what has ended keeps its ending. */
function uploadOver(row: UploadingRow, failure: ErrorValue, ending: Ending, now: number): StreamRow {
  const over = withUpload(row, { sending: null, over: true, waitingFor: undefined, failure }, now)
  return row.ending === null ? endLocally(over, ending, failure) : over
}

/** The server's stream was closed by somebody else: its readers cancelled, or the lease ran out. */
export function uploadClosed(
  row: StreamRow | undefined,
  base: Pick<Upload, 'epoch' | 'request'>,
  ending: Ending,
  now: number,
): StreamRow | null {
  if (!mayUpload(row, base)) return null
  if (ending.kind !== 'error') {
    const failure = {
      code: 'cancelled' as const,
      message: 'The stream was ended on the server: nobody wants more of it.',
    }
    return uploadOver(row, failure, { kind: 'cancelled' }, now)
  }
  const isLost = ending.code === 'producer-lost'
  const failure: ErrorValue = {
    code: isLost ? 'producer-lost' : 'upstream-error',
    message: isLost
      ? 'The server heard nothing of this upload for longer than its lease, and ended it. Everything is kept here.'
      : 'The stream was ended on the server. Everything is kept here.',
    data: ending,
  }
  return uploadOver(row, failure, ending, now)
}

/** The server refuses for good, or what is stored cannot be sent. */
export function uploadFailed(
  row: StreamRow | undefined,
  base: Pick<Upload, 'epoch' | 'request'>,
  failure: ErrorValue,
  now: number,
): StreamRow | null {
  return mayUpload(row, base) ? uploadOver(row, failure, { kind: 'error', code: failure.code }, now) : null
}
