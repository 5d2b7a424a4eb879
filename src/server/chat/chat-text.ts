import type { UIMessageChunk } from 'ai'
import { HeadwaterError } from '../../protocol/errors.ts'
import { SECURITY_HEADERS } from '../answers.ts'
import { follow, isLastPage } from '../follow.ts'
import { HEARTBEAT_MS, PAGE_BYTES } from '../limits.ts'
import { startLifetime } from '../lifetime.ts'
import type { ServerContext } from '../server-context.ts'
import type { ChatReading } from './chat-sse.ts'
import { chatHeaders } from './chat-sse.ts'

/**
 * A run as plain text, as `TextStreamChatTransport` of the AI SDK reads it: what the model says, without reasoning and tools. Plain text has no word for a failure, so
 * the body of a run that was not done breaks off: no client takes half an answer for a whole one.
 */
export function chatTextResponse(context: ServerContext, request: Request, reading: ChatReading): Response {
  const { signal, end } = startLifetime(request.signal, context.shutdown)
  const onClose = reading.onClose
  if (signal.aborted) onClose()
  else signal.addEventListener('abort', onClose, { once: true })
  const texts = readTexts(context, reading, signal)
  const encoder = new TextEncoder()
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const next = await texts.next()
          if (next.done !== true) return controller.enqueue(encoder.encode(next.value))
          end()
          controller.close()
        } catch (error) {
          end()
          throw error
        }
      },
      async cancel() {
        end()
        await texts.return(undefined)
      },
    },
    { highWaterMark: 0 },
  )
  return new Response(body, {
    headers: {
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-cache, no-store, private',
      'x-accel-buffering': 'no',
      ...SECURITY_HEADERS,
      ...chatHeaders(reading.name),
    },
  })
}

async function* readTexts(
  context: ServerContext,
  { name, from }: ChatReading,
  signal: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder()
  const heard = follow({
    store: context.store,
    name,
    from,
    pageBytes: PAGE_BYTES,
    heartbeatMs: HEARTBEAT_MS,
    lifeMs: Infinity,
    now: context.now,
    onPage: context.onPage,
    signal,
  })
  for await (const followed of heard) {
    if (followed.kind === 'idle') continue
    const { page } = followed
    const text = page.records.map((record) => textOf(decoder.decode(record))).join('')
    if (text !== '') yield text
    if (isLastPage(page) && page.info.ending?.kind === 'done') return
  }
  throw new HeadwaterError('upstream-error', 'The run did not finish its answer.')
}

function textOf(record: string): string {
  const chunk = JSON.parse(record) as UIMessageChunk
  return chunk.type === 'text-delta' ? chunk.delta : ''
}
