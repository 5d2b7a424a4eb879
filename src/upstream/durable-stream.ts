import { HEADER, OFFSET_NOW, OFFSET_START } from '../protocol/http.ts'
import type { Get } from './build-request.ts'
import { DurableBodyReader, readPlace, type DurableMode, type DurablePlace } from './durable-response.ts'
import { readDurableSse, type LivePlace } from './durable-sse.ts'
import { httpError } from './failures.ts'
import type { Progress } from './progress.ts'
import { linkAbort } from './link-abort.ts'
import { readBody } from './read-body.ts'
import { heartbeatLimit, isSilence, LONG_POLL_LIMIT, READ_LIMIT, type Delay, type SilenceLimit } from './silence.ts'
import type { UpstreamFrame } from './upstream.ts'

/** What reading a durable stream needs from its connection. */
export interface DurableContext {
  url: string
  get: Get
  now: () => number
  /** How long a live SSE response may stay without a byte before it is given up, in milliseconds. */
  probeMs: number
  /** The time in which silence is counted. */
  delay: Delay
  signal: AbortSignal
}

/** Address of a read: the query of the protocol replaces whatever the address itself carried of it. */
export function durableUrl(
  base: string,
  query: { offset: string; live?: 'sse' | 'long-poll'; cursor?: string | null },
) {
  const url = new URL(base)
  for (const name of ['offset', 'live', 'cursor']) url.searchParams.delete(name)
  for (const [name, value] of Object.entries(query)) if (value !== null) url.searchParams.set(name, value)
  return url.href
}

/** Where a first read starts: what the address asks for, else the start. */
export function startOffset(url: string, token: string | null): string {
  return token ?? new URL(url).searchParams.get('offset') ?? OFFSET_START
}

/**
 * A read, past what retention has removed: after a 410 it goes on at the earliest that the server offers, or else at the tail, and the next
 * frame carries the gap.
 */
export async function getRange(
  context: DurableContext,
  progress: Progress,
  query: Parameters<typeof durableUrl>[1],
  ...patience: [signal?: AbortSignal, limit?: SilenceLimit]
): Promise<Response> {
  const { url, get, now } = context
  let response = await get(durableUrl(url, query), ...patience)
  for (const offset of [OFFSET_START, OFFSET_NOW]) {
    if (response.status !== 410 || query.offset === offset) continue
    await response.body?.cancel().catch(() => undefined)
    progress.loseUpTo(offset)
    response = await get(durableUrl(url, { offset }), ...patience)
  }
  if (!response.ok) throw await httpError(response, url, now())
  return response
}

// Many short SSE responses that bring nothing are worse than a long-poll; the protocol's server closes about once a minute.
const MAX_FRUITLESS = 3

/** Follows by SSE until the stream ends (true), or SSE turns out to be of no use here (false). */
async function* followBySse(
  context: DurableContext,
  mode: DurableMode,
  progress: Progress,
  place: LivePlace,
): AsyncGenerator<UpstreamFrame, boolean> {
  const { url, get, now, signal, probeMs, delay } = context
  let fruitless = 0
  while (fruitless < MAX_FRUITLESS) {
    // A proxy that buffers lets nothing through, often not even the head: then silence is all that there is to see.
    const probe = linkAbort(signal)
    const timer = setTimeout(probe.abort, probeMs)
    try {
      const response = await get(durableUrl(url, { ...place, live: 'sse' }), probe.signal)
      const isSse = /^text\/event-stream/i.test(response.headers.get('content-type') ?? '')
      const encoding = response.headers.get(HEADER.sseDataEncoding)
      // Whatever is wrong, the long-poll will find out and say it, a 410 with its gap included.
      if (!response.ok || !isSse || (mode === 'bytes') !== (encoding === 'base64')) return false
      const body = watched(readBody(response, url, probe.signal, { limit: heartbeatLimit(response), delay }), () =>
        clearTimeout(timer),
      )
      const result = yield* readDurableSse(body, mode, progress, place, now)
      if (result.ended) return true
      if (result.controls === 0) return false
      fruitless = result.chunks === 0 && result.controls <= 1 ? fruitless + 1 : 0
    } catch (error) {
      if (probe.signal.aborted && !signal.aborted) return false
      throw error
    } finally {
      clearTimeout(timer)
      probe.unlink()
      probe.abort()
    }
  }
  return false
}

async function* watched(body: AsyncIterable<Uint8Array>, onByte: () => void): AsyncGenerator<Uint8Array> {
  for await (const bytes of body) {
    onByte()
    yield bytes
  }
}

/**
 * Reads a durable stream to its end: catches up with plain reads, then follows, by SSE where that works and else by long-poll.
 * That the server closes an SSE response about each minute is no loss: it is opened again at once.
 *
 * Text is followed by long-poll only: SSE would turn its carriage returns into line feeds and tear characters that two appends share.
 */
export async function* readDurableStream(
  context: DurableContext,
  first: Response,
  mode: DurableMode,
  progress: Progress,
): AsyncGenerator<UpstreamFrame> {
  const { url, now, delay, signal } = context
  const reader = new DurableBodyReader(mode, progress, now)
  let bySse = mode !== 'text'
  let response = first
  let polling = linkAbort(signal)
  for (;;) {
    const place: DurablePlace = readPlace(response, url)
    // A page is there already: it has no reason to be silent.
    if (yield* reader.read(readBody(response, url, signal, { limit: READ_LIMIT, delay }), place)) return
    polling.unlink()
    let { offset, cursor } = place
    if (!place.upToDate) {
      response = await getRange(context, progress, { offset })
      continue
    }
    if (bySse) {
      const live = { offset, cursor }
      if (yield* followBySse(context, mode, progress, live)) return
      ;({ offset, cursor } = live)
      bySse = false
    }
    polling = linkAbort(signal)
    try {
      const query = { offset, cursor, live: 'long-poll' as const }
      response = await getRange(context, progress, query, polling.signal, LONG_POLL_LIMIT)
    } catch (error) {
      if (!isSilence(error)) throw error
      // The socket is dead, or this server lets its readers wait for longer than others do. A plain read tells the two apart.
      polling.abort()
      polling.unlink()
      response = await getRange(context, progress, { offset })
    }
  }
}
