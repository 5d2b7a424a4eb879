import { HEADER } from '../../protocol/http.ts'
import { Refusal } from '../answers.ts'
import type { AppendResult, CreateResult } from '../stream-store.ts'
import type { ServerContext } from '../server-context.ts'
import type { StreamName } from '../stream-store.ts'
import { tailHeaders } from './response-headers.ts'

/** A name without a stream. */
export function absent(kind: 'missing' | 'gone'): Refusal {
  return kind === 'missing'
    ? new Refusal(404, 'unknown-stream', 'There is no such stream. Create it with PUT.')
    : new Refusal(410, 'gone', 'This stream was deleted; it is kept only for the streams forked from it.')
}

/** Why a stream was not created. */
export function refusedCreate(result: Exclude<CreateResult, { kind: 'created' | 'exists' }>): Refusal {
  switch (result.kind) {
    case 'conflict':
      return new Refusal(
        409,
        'conflict',
        'A stream of this name exists with another content type, expiry, origin or state.',
        result.info === null ? {} : tailHeaders(result.info),
      )
    case 'fork-missing':
      return new Refusal(404, 'unknown-stream', 'The stream to fork from does not exist.')
    case 'fork-gone':
      return new Refusal(409, 'gone', 'The stream to fork from was deleted.')
    case 'fork-type':
      return new Refusal(
        409,
        'wrong-type',
        'A fork has the content type of its source. Leave Content-Type out to inherit it.',
      )
    case 'fork-place':
      return new Refusal(400, 'bad-offset', 'The source has no such offset. Use one that it gave.')
  }
}

/** Why nothing was appended. */
export function refusedAppend(result: Exclude<AppendResult, { kind: 'appended' | 'duplicate' }>): Refusal {
  switch (result.kind) {
    case 'missing':
    case 'gone':
      return absent(result.kind)
    case 'closed':
      return new Refusal(409, 'closed', 'The stream is closed; nothing can be appended.', tailHeaders(result.info))
    case 'not-yours':
      return new Refusal(405, 'not-yours', 'The server writes this stream itself. To end it, cancel its run.')
    case 'wrong-type':
      return new Refusal(409, 'wrong-type', `This stream holds ${result.info.contentType}.`)
    case 'full':
      return streamFull(tailHeaders(result.info))
    case 'stale-epoch':
      return new Refusal(403, 'stale-epoch', 'A newer epoch of this producer has written. Start a newer one or stop.', {
        [HEADER.producerEpoch]: String(result.epoch),
      })
    case 'bad-epoch-start':
      return new Refusal(400, 'bad-epoch-start', 'A new epoch begins with Producer-Seq 0.')
    case 'seq-gap':
      return new Refusal(409, 'seq-gap', `Producer-Seq ${result.expected} is next. Send what lies between first.`, {
        [HEADER.expectedSeq]: String(result.expected),
        [HEADER.receivedSeq]: String(result.received),
      })
    case 'stream-seq':
      return new Refusal(409, 'stream-seq', 'Stream-Seq must be greater than the last one.')
  }
}

/** A stream would be larger than any may be. */
export function streamFull(headers: Record<string, string> = {}): Refusal {
  return new Refusal(
    413,
    'stream-full',
    'The stream is as large as it may be. Close it, and go on in a new run.',
    headers,
  )
}

/** There may be no more streams. @throws {Refusal} 507 */
export async function checkRoom({ store, maxStreams }: ServerContext, name: StreamName): Promise<void> {
  if (maxStreams === 0 || (await store.count()) < maxStreams || (await store.info(name)) !== 'missing') return
  throw new Refusal(
    507,
    'too-many-streams',
    `There are ${maxStreams} streams, as many as there may be. Delete some, or let them expire.`,
  )
}

/** For an offset that was well-formed but is not one of this stream: it was deleted and created anew, or it is another one. */
export function wrongPlace(): Refusal {
  return new Refusal(
    410,
    'offset-gone',
    'This stream has no such offset: it is not the stream that gave it. Read from the start.',
  )
}
