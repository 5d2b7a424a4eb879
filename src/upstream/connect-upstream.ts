import { HeadwaterError } from '../protocol/errors.ts'
import { buildRequest, isSafe, type BuiltRequest, type Get } from './build-request.ts'
import { ByteReader } from './byte-reader.ts'
import { durableMode } from './durable-response.ts'
import { durableUrl, getRange, readDurableStream, startOffset, type DurableContext } from './durable-stream.ts'
import { httpError, networkError, shownUrl } from './failures.ts'
import { LineParser } from './line-parser.ts'
import { connectMessageSocket } from './message-socket.ts'
import { Progress } from './progress.ts'
import { readBody } from './read-body.ts'
import { findEvidence, mediaType, readHead, resolveFormat, type Evidence, type Format } from './read-head.ts'
import { readUnits, takeUnits } from './read-units.ts'
import { heartbeatLimit, READ_LIMIT, within, WRITE_LIMIT, type Delay, type SilenceLimit } from './silence.ts'
import type { SharedSockets } from './socket/shared-sockets.ts'
import type { OpenWebSocket } from './socket/web-socket.ts'
import { SseParser } from './sse-parser.ts'
import type { ConnectUpstream, UpstreamConnection, UpstreamFrame, UpstreamHead, UpstreamRequest } from './upstream.ts'
import { WayLost } from './way-lost.ts'

/** What {@link createConnectUpstream} takes from its surroundings. */
export interface ConnectUpstreamOptions {
  /** Default: the global one. */
  fetch?: typeof globalThis.fetch
  /** Milliseconds since the epoch. Default `Date.now`. */
  now?: () => number
  /** How long a live SSE response of a durable stream may stay silent before long-poll takes its place, in milliseconds. Default 5000. */
  probeMs?: number
  /** The time in which silence is counted. Default: timers. */
  delay?: Delay
  /** Opens what sources of format `websocket` are read from. Default: they are refused. */
  openSocket?: OpenWebSocket
  /** The sockets that streams share. Default: none. */
  sockets?: SharedSockets
}

// The protocol's server sends a control event at once; a proxy that holds it back for this long holds everything back.
const PROBE_MS = 5000

const timerDelay: Delay = (ms, signal) =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
  })

/** Makes the function that opens upstream connections: Durable Streams, SSE, NDJSON, text and bytes, over fetch. */
export function createConnectUpstream(options: ConnectUpstreamOptions = {}): ConnectUpstream {
  // Looked up at each call, and called as a global: a bare reference to the browser's fetch is an illegal invocation.
  const {
    fetch = (...args) => globalThis.fetch(...args),
    now = Date.now,
    probeMs = PROBE_MS,
    delay = timerDelay,
    openSocket,
    sockets,
  } = options

  return async (request, signal) => {
    if (request.shared) {
      if (sockets === undefined) throw new WayLost('No socket is open.')
      return sockets.connect(request, signal)
    }
    if (request.source.format === 'websocket' && openSocket !== undefined) {
      return connectMessageSocket(request, signal, { open: openSocket, now, delay })
    }
    const closing = new AbortController()
    const close = (): void => closing.abort()
    if (signal.aborted) close()
    signal.addEventListener('abort', close, { once: true })
    let unwant: () => void = () => undefined
    const release = (): void => {
      signal.removeEventListener('abort', close)
      close()
      unwant()
    }
    const learn: Surroundings['learn'] = (...found) => {
      unwant = sockets?.learn(request, ...found) ?? unwant
    }
    const send: Surroundings['send'] = async (built, sendSignal = closing.signal, limit) => {
      const { url, method, headers, body } = built
      try {
        // A cache would answer a resume with what was, and may leak a private stream.
        const init = { method, headers, body, signal: sendSignal, cache: 'no-store' as const }
        const patience = limit ?? (isSafe(method) ? READ_LIMIT : WRITE_LIMIT)
        return await within(fetch(url, init), patience, delay, url)
      } catch (thrown) {
        const error = networkError(thrown, url, sendSignal)
        if (error.code === 'network') sockets?.unreachable(url)
        throw error
      }
    }
    try {
      return await open(request, { send, learn, now, probeMs, delay, signal: closing.signal, release })
    } catch (error) {
      release()
      throw error
    }
  }
}

/** Opens upstream connections with the global `fetch`. */
export const connectUpstream: ConnectUpstream = createConnectUpstream()

interface Surroundings {
  /** `limit`: how long the head may take; default by the method. */
  send: (built: BuiltRequest, signal?: AbortSignal, limit?: SilenceLimit) => Promise<Response>
  /** Learns from a response what else the stream can be had by. */
  learn: (response: Response, url: string, format: Format, head: UpstreamHead) => void
  now: () => number
  probeMs: number
  delay: Delay
  signal: AbortSignal
  /** Lets go of the caller's signal and closes the socket. */
  release: () => void
}

async function open(request: UpstreamRequest, around: Surroundings): Promise<UpstreamConnection> {
  const { send, learn, now, probeMs, delay, signal } = around
  const built = buildRequest(request)
  const { token } = request.position
  const isDurable = request.source.format === 'durable-stream'
  const get: Get = (url, ...rest) => send({ ...built, url, method: 'GET', body: null }, ...rest)
  const durable: DurableContext = { url: built.url, get, now, probeMs, delay, signal }
  const range = { offset: startOffset(built.url, token) }
  if (isDurable) built.url = durableUrl(built.url, range)

  let response = await send(built)
  if (!response.ok && !(isDurable && response.status === 410)) throw await httpError(response, built.url, now())
  const format = response.status === 410 ? 'durable-stream' : resolveFormat(request.source.format, response, built.url)
  const head = readHead(request, response, built.url, format)
  const evidence = findEvidence(request, format, head.dialect)
  const progress = new Progress(request.position, evidence.rules, request.verdict)
  if (format === 'durable-stream' && (response.status === 410 || (!isDurable && token !== null))) {
    // What the first answer brought is from the start (its format was not known yet), or nothing.
    await response.body?.cancel().catch(() => undefined)
    response = await getRange(durable, progress, range)
    head.contentType = response.headers.get('content-type')
  }
  learn(response, built.url, format, head)
  const frames =
    format === 'durable-stream'
      ? readDurableStream(
          durable,
          response,
          durableMode(mediaType(response.headers.get('content-type')) ?? ''),
          progress,
        )
      : response.status === 204
        ? readNothing(request, progress, built.url)
        : readResponse(response, format, evidence, progress, around, built.url)
  return { head, [Symbol.asyncIterator]: () => releasing(frames, around.release) }
}

/** Frames whose reader's leaving closes the socket. */
async function* releasing(frames: AsyncIterable<UpstreamFrame>, release: () => void): AsyncGenerator<UpstreamFrame> {
  try {
    yield* frames
  } finally {
    release()
  }
}

async function* readNothing(
  { resuming, dialect }: UpstreamRequest,
  progress: Progress,
  url: string,
): AsyncGenerator<UpstreamFrame> {
  // 204 tells an EventSource not to come back. In a dialect that marks its end, the mark was never seen: that is a loss, not an end.
  if (resuming && progress.verdict === null && dialect !== null && dialect !== 'sse') {
    throw new HeadwaterError(
      'not-resumable',
      `${shownUrl(url)} has nothing more of this stream, and its end was never seen. What was received is kept; retry() starts a new run.`,
    )
  }
  yield progress.lastFrame({ kind: 'done' })
}

async function* readResponse(
  response: Response,
  format: Exclude<Format, 'durable-stream'>,
  evidence: Evidence,
  progress: Progress,
  { now, delay, signal }: Surroundings,
  url: string,
): AsyncGenerator<UpstreamFrame> {
  // Events may be as rare as they like, unless their server promised a sign of life; other formats have none to promise.
  const limit = format === 'sse' ? heartbeatLimit(response) : null
  const body = readBody(response, url, signal, { limit, delay })
  let last: UpstreamFrame['chunks'] = []
  if (format === 'sse') {
    if (yield* readUnits(body, new SseParser(), progress, now)) return
  } else if (format === 'ndjson') {
    const lines = new LineParser()
    if (yield* readUnits(body, lines, progress, now)) return
    const units = lines.end()
    if (units === null) throw endedEarly(url, 'in the middle of a line')
    const { chunks, end } = takeUnits(units, progress, now())
    last = chunks
    if (end.ending !== undefined) {
      yield progress.frame(chunks, end)
      return
    }
  } else {
    const reader = new ByteReader(progress, format === 'text')
    for await (const bytes of body) {
      const data = reader.push(bytes)
      if (data === null) continue
      const chunk = { time: now(), data }
      const end = progress.judge(chunk)
      yield progress.frame([chunk], end)
      if (end.ending !== undefined) return
    }
    const rest = reader.flush()
    if (rest !== null) last = [{ time: now(), data: rest }]
  }
  if (!evidence.endOfBody && progress.verdict === null) {
    if (last.length > 0) yield progress.frame(last)
    throw endedEarly(url, "without its format's mark of the end")
  }
  yield progress.lastFrame({ kind: 'done' }, last)
}

const endedEarly = (url: string, how: string): HeadwaterError =>
  new HeadwaterError('network', `The answer of ${shownUrl(url)} ended ${how}: the connection was lost on the way.`)
