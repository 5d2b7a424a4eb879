import { HEADER } from '../../protocol/http.ts'
import type { Page } from '../follow.ts'
import { follow, isLastPage } from '../follow.ts'
import { PAGE_BYTES } from '../limits.ts'
import { startLifetime } from '../lifetime.ts'
import { encodeOffset } from '../offsets.ts'
import type { ServerContext } from '../server-context.ts'
import { closing, SECURITY_HEADERS } from '../answers.ts'
import type { JoinedPage } from '../page-cache.ts'
import type { PlainAnswer } from '../plain-answer.ts'
import type { PlainRequest } from '../plain-request.ts'
import type { ReadResult, StreamName } from '../stream-store.ts'
import { nextCursor } from './cursor.ts'
import type { ReadRequest } from './read-request.ts'
import { parseReadRequest } from './read-request.ts'
import { absent, wrongPlace } from './refusals.ts'
import { closedHeaders, describeHeaders, tailHeaders } from './response-headers.ts'
import { readBySse } from './sse.ts'

/** GET: a page, the next page once there is one, or everything that comes. */
export async function readByGet(context: ServerContext, request: PlainRequest, name: StreamName): Promise<PlainAnswer> {
  await context.authorize(request, 'read', name)
  const read = parseReadRequest(new URL(request.url), request.headers)
  if (read.live === 'sse') {
    // Whether there is such a place, and such a stream: the reader reads for itself.
    const first = found(await context.store.read(name, read.from, 1))
    const { info, from } = first
    // An EventSource comes back after every end of a body, for ever; this is how it is told not to.
    if (request.headers.has('last-event-id') && first.records.length === 0 && isLastPage(first)) {
      return { status: 204, headers: tailHeaders(info), body: null }
    }
    return readBySse(context, name, from, read.cursor, info.contentType)
  }
  const page = found(await context.pages.read(name, read.from))
  if (read.live === 'no' || hasRecords(page) || isLastPage(page)) {
    context.onPage(page, false)
    return answerPage(context, request, read, page)
  }
  return longPoll(context, request, name, { ...read, from: page.from })
}

function found<T extends { kind: 'page' }>(page: T | Exclude<ReadResult, { kind: 'page' }>): T {
  if (page.kind === 'page') return page as T
  throw page.kind === 'bad-place' ? wrongPlace() : absent(page.kind)
}

const hasRecords = (page: JoinedPage): boolean => page.next.record > page.from.record

async function longPoll(
  context: ServerContext,
  request: PlainRequest,
  name: StreamName,
  read: ReadRequest,
): Promise<PlainAnswer> {
  const leave = context.readers.enter(name)
  const life = startLifetime(request.signal, context.shutdown)
  try {
    let last: Page | null = null
    const pages = follow({
      store: context.store,
      name,
      from: read.from,
      pageBytes: PAGE_BYTES,
      heartbeatMs: context.longPollMs,
      lifeMs: context.longPollMs,
      now: context.now,
      signal: life.signal,
      onPage: context.onPage,
    })
    for await (const followed of pages) {
      if (followed.kind !== 'page') continue
      last = followed.page
      if (last.records.length > 0 || isLastPage(last)) break
    }
    if (last !== null) return answerPage(context, request, read, context.pages.join(last))
    // Not a page in all that time: the stream was deleted in the meantime, or the server is closing.
    throw context.shutdown.isOver ? closing() : absent('missing')
  } finally {
    life.end()
    leave()
  }
}

function answerPage(context: ServerContext, request: PlainRequest, read: ReadRequest, page: JoinedPage): PlainAnswer {
  const { info, from, next } = page
  const reachesTail = next.record === info.tail.record
  const headers: Record<string, string> = {
    ...SECURITY_HEADERS,
    ...describeHeaders(info),
    [HEADER.nextOffset]: encodeOffset(next),
    [HEADER.cursor]: nextCursor(read.cursor, context.now()),
    ...(reachesTail && { [HEADER.upToDate]: 'true', ...closedHeaders(info) }),
  }
  if (read.live === 'long-poll' && !hasRecords(page)) {
    const { 'content-type': _, ...rest } = headers
    return { status: 204, headers: { ...rest, 'cache-control': 'no-store' }, body: null }
  }
  if (read.from === 'tail') headers['cache-control'] = 'no-store'
  else {
    // Closing changes the answer at the tail without changing a byte.
    const closed = reachesTail && info.ending !== null ? ':c' : ''
    headers['etag'] = `"${info.id}:${encodeOffset(from)}:${encodeOffset(next)}${closed}"`
    headers['cache-control'] = 'private, no-cache'
    if (read.live === 'no' && matches(request.headers.get('if-none-match'), headers['etag'])) {
      const { 'content-type': _, ...rest } = headers
      return { status: 304, headers: rest, body: null }
    }
  }
  return { status: 200, headers, body: page.body }
}

function matches(ifNoneMatch: string | null, etag: string): boolean {
  return ifNoneMatch !== null && ifNoneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)
}

/** HEAD: what a stream is, without renewing it. */
export async function describeByHead(
  context: ServerContext,
  request: PlainRequest,
  name: StreamName,
): Promise<PlainAnswer> {
  await context.authorize(request, 'read', name)
  const info = await context.store.info(name)
  if (typeof info === 'string') throw absent(info)
  return { status: 200, headers: { ...tailHeaders(info), ...describeHeaders(info) }, body: null }
}
