import { HEADER } from '../protocol/http.ts'
import { SECURITY_HEADERS } from './answers.ts'
import { HEARTBEAT_MS } from './limits.ts'
import { startLifetime } from './lifetime.ts'
import type { Shutdown } from './lifetime.ts'

const LINE_END = /[\r\n]/

/** One event as text. Lines of `data` are told apart by any of the three line ends of the format, so that none can forge a field. */
export function sseEvent(fields: { event?: string; data: string; id?: string }): string {
  const event = fields.event === undefined ? '' : `event: ${fields.event}\n`
  // The format strips one space after the colon; a line that begins with one needs another in front.
  const lines = LINE_END.test(fields.data) ? fields.data.split(/\r\n|\r|\n/) : [fields.data]
  const data = lines.map((line) => `data:${line.startsWith(' ') ? ' ' : ''}${line}\n`).join('')
  const id = fields.id === undefined ? '' : `id: ${fields.id}\n`
  return `${event}${data}${id}\n`
}

/** A comment: keeps a connection alive and moves nothing. */
export const SSE_HEARTBEAT = ': \n\n'

/** Whose events keep time themselves beat first, and one comment is enough. */
const HEARTBEAT_SLACK_MS = 500

export interface SseOptions {
  /** Aborted when the client went away. */
  readonly signal: AbortSignal
  /** Makes the events; its signal aborts when the client is gone or the server closes. */
  readonly events: (signal: AbortSignal) => AsyncGenerator<string, void, undefined>
  /** The server's own end. */
  readonly shutdown: Shutdown
  readonly onClose: () => void
  readonly headers?: Readonly<Record<string, string>>
  /** The longest silence that is promised, in milliseconds. Default: {@link HEARTBEAT_MS}. */
  readonly heartbeatMs?: number
}

/**
 * Server-Sent Events, written as fast as the client reads: an event is made when there is room for it, and a comment where none comes
 * for long. That is promised in a header, because only then can a client tell a silent stream from a dead socket.
 */
export function sseResponse(options: SseOptions): Response {
  const encoder = new TextEncoder()
  const { signal: gone, end: close } = startLifetime(options.signal, options.shutdown)
  const events = options.events(gone)
  const heartbeatMs = options.heartbeatMs ?? HEARTBEAT_MS
  /** The event that was asked for and did not come before a comment had to. */
  let asked: Patient<IteratorResult<string, void>> | null = null
  // Also before the first event was asked for: then nobody else would count the reader out.
  if (gone.aborted) options.onClose()
  else gone.addEventListener('abort', options.onClose, { once: true })

  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          asked ??= patient(events.next())
          const next = await asked(heartbeatMs + HEARTBEAT_SLACK_MS)
          if (next === 'silence') {
            controller.enqueue(encoder.encode(SSE_HEARTBEAT))
            return
          }
          asked = null
          if (next.done === true) {
            // Only where it is the server that goes.
            if (options.shutdown.isOver) controller.enqueue(encoder.encode(comeBackHint()))
            close()
            controller.close()
          } else {
            controller.enqueue(encoder.encode(next.value))
          }
        } catch (error) {
          close()
          throw error
        }
      },
      async cancel() {
        close()
        await events.return(undefined)
      },
    },
    { highWaterMark: 0 },
  )
  return new Response(body, {
    headers: { ...sseHeaders(heartbeatMs), ...options.headers },
  })
}

/** How long an EventSource waits before it connects again, as the last word of a server that closes: soon, and each reader at a time of its own. */
export function comeBackHint(): string {
  return `retry: ${500 + Math.floor(Math.random() * 1500)}\n\n`
}

/** Headers of every answer of Server-Sent Events. @param heartbeatMs the longest silence that is promised */
export function sseHeaders(heartbeatMs: number): Record<string, string> {
  return {
    'content-type': 'text/event-stream',
    'cache-control': 'no-cache, no-store, private',
    'x-accel-buffering': 'no',
    // What the comments are promised by (PROTOCOL.md 4.1).
    [HEADER.heartbeat]: String(Math.ceil(heartbeatMs / 1000)),
    ...SECURITY_HEADERS,
  }
}

/** Waits so many milliseconds, as often as it is asked: for what comes, or `silence`. */
type Patient<T> = (ms: number) => Promise<T | 'silence'>

/** Races with `coming` would each leave something behind at it, for as long as a stream is silent. */
function patient<T>(coming: Promise<T>): Patient<T> {
  let isThere = false
  let wake = (): void => undefined
  const arrived = (): void => {
    isThere = true
    wake()
  }
  coming.then(arrived, arrived)
  return async (ms) => {
    if (!isThere) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    return isThere ? coming : 'silence'
  }
}
