import { OFFSET_NOW, OFFSET_START } from '../../protocol/http.ts'
import { Refusal } from '../answers.ts'
import { decodeOffset } from '../offsets.ts'
import type { PlainHeaders } from '../plain-request.ts'
import type { Place } from '../stream-store.ts'

export interface ReadRequest {
  readonly live: 'no' | 'long-poll' | 'sse'
  readonly from: Place | 'start' | 'tail'
  readonly cursor: string | null
}

/** What a GET asks for. `Last-Event-ID` stands for `offset` on a live SSE read, and wins: it is where the same EventSource got to. */
export function parseReadRequest(url: URL, headers: PlainHeaders): ReadRequest {
  const live = url.searchParams.get('live') ?? 'no'
  if (live !== 'no' && live !== 'long-poll' && live !== 'sse') {
    throw new Refusal(400, 'bad-query', 'live must be "long-poll" or "sse".')
  }
  const given = url.searchParams.getAll('offset')
  if (given.length > 1) throw new Refusal(400, 'bad-offset', 'Send one offset.')
  const lastEventId = live === 'sse' ? headers.get('last-event-id') : null
  const offset = lastEventId ?? given[0] ?? null
  if (offset === null && live !== 'no') {
    throw new Refusal(400, 'bad-offset', 'A live read needs an offset: -1 for the start, "now" for the tail.')
  }
  return { live, from: parseOffset(offset ?? OFFSET_START), cursor: url.searchParams.get('cursor') }
}

/** An offset as it comes in a query. @throws {Refusal} 400 */
export function parseOffset(offset: string): Place | 'start' | 'tail' {
  if (offset === OFFSET_START) return 'start'
  if (offset === OFFSET_NOW) return 'tail'
  const place = decodeOffset(offset)
  if (place === null) throw new Refusal(400, 'bad-offset', 'offset must be one that this stream gave, -1 or "now".')
  return place
}
