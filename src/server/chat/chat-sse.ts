import { HEADER } from '../../protocol/http.ts'
import { follow, isLastPage } from '../follow.ts'
import type { Page } from '../follow.ts'
import { PAGE_BYTES } from '../limits.ts'
import { encodeOffset } from '../offsets.ts'
import type { ServerContext } from '../server-context.ts'
import { SSE_HEARTBEAT, sseEvent, sseResponse } from '../sse-response.ts'
import { chatCancelPath, chatRunPath } from '../stream-path.ts'
import type { Place, StreamName } from '../stream-store.ts'

/** One reader of a run. */
export interface ChatReading {
  readonly name: StreamName
  readonly from: Place | 'start' | 'tail'
  /** Called once, when the answer is over: read to its end, or closed. */
  readonly onClose: () => void
}

/** A run as the AI SDK reads it: one event per chunk, each with the offset at which to go on, and `[DONE]`. */
export function chatSseResponse(context: ServerContext, request: Request, reading: ChatReading): Response {
  const { name, from, onClose } = reading
  return sseResponse({
    signal: request.signal,
    shutdown: context.shutdown,
    onClose,
    events: (signal) => events(context, name, from, signal),
    headers: { [HEADER.uiMessageStream]: 'v1', ...chatHeaders(name) },
  })
}

/** Where a run is continued and cancelled. The format of the answer is the client's choice. */
export function chatHeaders(name: StreamName): Record<string, string> {
  return { location: chatRunPath(name), link: `<${chatCancelPath(name)}>; rel="cancel"`, vary: 'accept' }
}

async function* events(
  context: ServerContext,
  name: StreamName,
  from: Place | 'start' | 'tail',
  signal: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  for await (const followed of follow({
    store: context.store,
    name,
    from,
    pageBytes: PAGE_BYTES,
    heartbeatMs: context.heartbeatMs,
    // A client of the AI SDK takes an end of body for an end of the run: it is ended by the run only.
    lifeMs: Infinity,
    now: context.now,
    signal,
    onPage: context.onPage,
  })) {
    if (followed.kind === 'idle') yield SSE_HEARTBEAT
    else yield pageEvents(followed.page)
  }
}

function pageEvents(page: Page): string {
  const decoder = new TextDecoder()
  let { record, byte } = page.from
  let text = ''
  for (const data of page.records) {
    record += 1
    byte += data.byteLength
    text += sseEvent({ data: decoder.decode(data), id: encodeOffset({ record, byte }) })
  }
  if (isLastPage(page)) text += sseEvent({ data: '[DONE]', id: encodeOffset(page.next) })
  // An empty first page still sends the head on its way: the client learns that it is connected.
  return text === '' ? SSE_HEARTBEAT : text
}
