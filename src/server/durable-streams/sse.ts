import { encodeEnding, HEADER } from '../../protocol/http.ts'
import { follow, isLastPage } from '../follow.ts'
import type { Page } from '../follow.ts'
import { PAGE_BYTES } from '../limits.ts'
import { encodeOffset } from '../offsets.ts'
import type { ServerContext } from '../server-context.ts'
import { SSE_HEARTBEAT, sseEvent, sseResponse } from '../sse-response.ts'
import type { StreamName } from '../stream-store.ts'
import { isJson, mediaType } from '../stream-store.ts'
import { nextCursor } from './cursor.ts'
import { incompleteTail, joinBytes, joinJson } from './page-body.ts'
import type { ReadRequest } from './read-request.ts'
import { isPlainEnd } from './response-headers.ts'

type Encoding = 'json' | 'text' | 'base64'

/** GET with `live=sse`: an event `data` and an event `control` per page. */
export function readBySse(
  context: ServerContext,
  request: Request,
  name: StreamName,
  read: ReadRequest,
  contentType: string,
): Response {
  const encoding = encodingOf(contentType)
  return sseResponse({
    signal: request.signal,
    shutdown: context.shutdown,
    onClose: context.readers.enter(name),
    events: (signal) => events(context, name, read, encoding, signal),
    headers: encoding === 'base64' ? { [HEADER.sseDataEncoding]: 'base64' } : {},
  })
}

function encodingOf(contentType: string): Encoding {
  if (isJson(contentType)) return 'json'
  return mediaType(contentType).startsWith('text/') ? 'text' : 'base64'
}

async function* events(
  context: ServerContext,
  name: StreamName,
  read: ReadRequest,
  encoding: Encoding,
  signal: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  let held: Page | null = null
  let cursor = read.cursor
  for await (const followed of follow({
    store: context.store,
    name,
    from: read.from,
    pageBytes: PAGE_BYTES,
    heartbeatMs: context.heartbeatMs,
    lifeMs: context.sseLifeMs,
    now: context.now,
    signal,
  })) {
    if (followed.kind === 'idle') {
      yield SSE_HEARTBEAT
      continue
    }
    const page: Page = held === null ? followed.page : mergePages(held, followed.page)
    held = null
    const bytes = encoding === 'json' ? joinJson(page.records) : joinBytes(page.records)
    const isHeldBack = bytes.byteLength <= PAGE_BYTES && !isLastPage(page) && incompleteTail(bytes) > 0
    if (encoding === 'text' && isHeldBack) {
      // A character is split between two appends. As text it cannot be sent in halves, so this page waits for the next one.
      held = page
      continue
    }
    cursor = nextCursor(cursor, context.now())
    yield (
      (page.records.length === 0 ? '' : sseEvent({ event: 'data', data: encode(bytes, encoding) })) +
      control(page, cursor)
    )
  }
}

function mergePages(first: Page, second: Page): Page {
  return { ...second, from: first.from, records: [...first.records, ...second.records] }
}

function encode(bytes: Uint8Array, encoding: Encoding): string {
  if (encoding === 'base64') return toBase64(bytes)
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
}

// In pieces, because the arguments of a call are limited; a multiple of 3, so that the pieces join without padding.
const PIECE = 3 * 8192

function toBase64(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.byteLength; at += PIECE)
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + PIECE)))
  return text
}

function control(page: Page, cursor: string): string {
  const offset = encodeOffset(page.next)
  const ending = isLastPage(page) ? page.info.ending : null
  const data = {
    streamNextOffset: offset,
    ...(ending === null && { streamCursor: cursor }),
    ...(page.next.record === page.info.tail.record && { upToDate: true }),
    ...(ending !== null && { streamClosed: true }),
    ...(ending !== null && !isPlainEnd(ending) && { streamEnding: JSON.parse(encodeEnding(ending)) as unknown }),
  }
  return sseEvent({ event: 'control', data: JSON.stringify(data), id: offset })
}
