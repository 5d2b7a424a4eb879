import type { NewChunk } from '../protocol/chunk.ts'
import { HeadwaterError } from '../protocol/errors.ts'
import { networkError } from './failures.ts'
import { MAX_UNIT_LENGTH, tooLarge } from './limits.ts'
import { Progress } from './progress.ts'
import { findEvidence } from './read-head.ts'
import { READ_LIMIT, within, type Delay } from './silence.ts'
import { socketUrl, type OpenWebSocket, type WebSocketLike } from './socket/web-socket.ts'
import type { UpstreamConnection, UpstreamFrame, UpstreamRequest } from './upstream.ts'

/** What waits here for a reader that is slow: nothing tells a plain WebSocket's sender to pause. In UTF-16 units or bytes, and in messages. */
const MAX_WAITING = 2 * MAX_UNIT_LENGTH
const MAX_WAITING_MESSAGES = 100_000

/** What a message socket takes from its surroundings. */
export interface MessageSocketOptions {
  open: OpenWebSocket
  now: () => number
  delay: Delay
}

/**
 * Opens a source of format `websocket`: each message, text or binary, is a chunk; the terminal rules of its dialect end the stream. A close is not an
 * end, and there is no place to go on from: what is lost stays lost.
 * @throws {HeadwaterError} `bad-source`, `network`, `not-resumable`, `aborted`
 */
export async function connectMessageSocket(
  request: UpstreamRequest,
  signal: AbortSignal,
  { open, now, delay }: MessageSocketOptions,
): Promise<UpstreamConnection> {
  const { source, resuming, headers, position, verdict } = request
  if (resuming) {
    throw new HeadwaterError(
      'not-resumable',
      'A WebSocket has no place to go on from. What was received is kept; retry() opens it anew.',
    )
  }
  if (headers.length > 0) {
    throw new HeadwaterError(
      'bad-source',
      'A browser sends no headers of its own with a WebSocket. Use a cookie for credentials.',
    )
  }
  const dialect = request.dialect ?? source.dialect
  const progress = new Progress(position, findEvidence(request, 'bytes', dialect).rules, verdict)
  const messages = new Messages(open(socketUrl(source.url)), now)
  const abort = (): void => messages.end(networkError(null, source.url, signal))
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  const lost = (thrown: unknown): HeadwaterError => networkError(thrown, source.url, signal)
  try {
    await within(messages.opened, READ_LIMIT, delay, source.url)
  } catch (error) {
    messages.end(error)
    throw lost(error)
  }
  const head = { contentType: null, dialect, resumeUrl: null, cancelUrl: source.cancel, resumable: false }
  return { head, [Symbol.asyncIterator]: () => read(messages, progress, lost) }
}

async function* read(
  messages: Messages,
  progress: Progress,
  lost: (thrown: unknown) => HeadwaterError,
): AsyncGenerator<UpstreamFrame> {
  try {
    for (;;) {
      const chunks: NewChunk[] = []
      for (const chunk of await messages.take()) {
        chunks.push(chunk)
        const end = progress.judge(chunk)
        if (end.ending === undefined) continue
        yield progress.frame(chunks, end)
        return
      }
      yield progress.frame(chunks)
    }
  } catch (thrown) {
    throw lost(thrown)
  } finally {
    messages.end(null)
  }
}

/** The messages of one WebSocket that wait for their reader. */
class Messages {
  readonly opened: Promise<void>
  readonly #socket: WebSocketLike
  readonly #now: () => number
  #waiting: NewChunk[] = []
  #size = 0
  #over: { error: unknown } | null = null
  #wake: (() => void) | null = null

  constructor(socket: WebSocketLike, now: () => number) {
    this.#socket = socket
    this.#now = now
    socket.binaryType = 'arraybuffer'
    this.opened = new Promise((resolve, reject) => {
      socket.addEventListener('open', () => resolve())
      socket.addEventListener('message', ({ data }) => this.#take(data))
      const end = (): void => {
        const closed = new HeadwaterError(
          'network',
          'The WebSocket was closed or broke, which is no end of the stream.',
        )
        this.end(closed)
        reject(closed)
      }
      socket.addEventListener('close', end)
      socket.addEventListener('error', end)
    })
  }

  /** All that wait, at least one. Rejects once the socket is over and nothing is left. */
  async take(): Promise<NewChunk[]> {
    while (this.#waiting.length === 0) {
      if (this.#over !== null) throw this.#over.error
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    this.#size = 0
    return this.#waiting.splice(0)
  }

  end(error: unknown): void {
    if (this.#over !== null) return
    this.#over = { error }
    this.#socket.close()
    this.#wake?.()
  }

  #take(message: unknown): void {
    if (this.#over !== null) return
    const data = message instanceof ArrayBuffer ? new Uint8Array(message) : String(message)
    this.#size += data.length
    if (data.length > MAX_UNIT_LENGTH) return this.end(tooLarge('message'))
    if (this.#size > MAX_WAITING || this.#waiting.length >= MAX_WAITING_MESSAGES) {
      return this.end(new HeadwaterError('network', 'The WebSocket brings more than can be stored in time.'))
    }
    this.#waiting.push({ time: this.#now(), data })
    this.#wake?.()
  }
}
