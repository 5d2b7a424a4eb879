import type { Ending } from '../../protocol/chunk.ts'
import { encodeEnding, HEADER } from '../../protocol/http.ts'
import { SECURITY_HEADERS } from '../answers.ts'
import { encodeOffset } from '../offsets.ts'
import type { StreamInfo } from '../stream-store.ts'

/** That a stream is closed, and how it ended; nothing while it is open. */
export function closedHeaders(info: StreamInfo): Record<string, string> {
  if (info.ending === null) return {}
  return {
    [HEADER.closed]: 'true',
    ...(!isPlainEnd(info.ending) && { [HEADER.ending]: encodeEnding(info.ending) }),
  }
}

/** Whether an ending says no more than that the stream is closed, which clients of Durable Streams know without it. */
export function isPlainEnd(ending: Ending): boolean {
  return ending.kind === 'done' && ending.code === undefined && ending.exitCode === undefined
}

/** What every answer about a stream says. */
export function tailHeaders(info: StreamInfo): Record<string, string> {
  return {
    'cache-control': 'no-store',
    [HEADER.nextOffset]: encodeOffset(info.tail),
    ...SECURITY_HEADERS,
    ...closedHeaders(info),
  }
}

/** Type, expiry and lease, as they were set. */
export function describeHeaders(info: StreamInfo): Record<string, string> {
  return {
    'content-type': info.contentType,
    ...(info.ttlSeconds !== null && { [HEADER.ttl]: String(info.ttlSeconds) }),
    ...(info.expiresAt !== null && { [HEADER.expiresAt]: new Date(info.expiresAt).toISOString() }),
    ...(info.lease !== null && { [HEADER.lease]: String(info.lease.seconds) }),
  }
}
