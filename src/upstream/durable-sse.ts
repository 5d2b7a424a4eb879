import type { Ending, NewChunk } from '../protocol/chunk.ts'
import { HeadwaterError } from '../protocol/errors.ts'
import { decodeEnding } from '../protocol/http.ts'
import { JsonArrayParser } from './json-array-parser.ts'
import type { DurableMode } from './durable-response.ts'
import type { Progress } from './progress.ts'
import { takeUnits, type Unit } from './read-units.ts'
import { SseParser } from './sse-parser.ts'
import type { UpstreamFrame } from './upstream.ts'

interface Control {
  offset: string
  cursor: string | null
  ending: Ending | null
}

/** The last place that a live read was told. */
export interface LivePlace {
  offset: string
  cursor: string | null
}

/** How a live read finished: the stream ended, or the response did (after how many control events, and with data or not). */
export type LiveResult = { ended: true } | { ended: false; controls: number; chunks: number }

function readControl(data: string): Control {
  let control: Record<string, unknown> | null = null
  try {
    control = JSON.parse(data) as Record<string, unknown> | null
  } catch {
    // Said below.
  }
  const offset = control?.['streamNextOffset']
  if (control === null || typeof offset !== 'string') {
    throw new HeadwaterError('bad-response', 'A control event of the durable stream names no next offset.')
  }
  const cursor = control['streamCursor']
  return {
    offset,
    cursor: typeof cursor === 'string' ? cursor : null,
    ending: control['streamClosed'] === true ? decodeEnding(control['streamEnding']) : null,
  }
}

function decodeBase64(data: string): Uint8Array {
  try {
    const binary = atob(data)
    const bytes = new Uint8Array(binary.length)
    for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
    return bytes
  } catch {
    throw new HeadwaterError('bad-response', 'A data event of the durable stream is no base64.')
  }
}

function readMessages(data: string): Unit[] {
  const parser = new JsonArrayParser()
  const units = parser.feedText(data)
  if (parser.failure === null && parser.complete) return units
  throw parser.failure ?? new HeadwaterError('bad-response', 'A data event of the durable stream is no JSON array.')
}

/** Reads one live SSE response. Data waits for the control event that carries its offset: before that there is no place to go on from. */
export async function* readDurableSse(
  body: AsyncIterable<Uint8Array>,
  mode: DurableMode,
  progress: Progress,
  place: LivePlace,
  now: () => number,
): AsyncGenerator<UpstreamFrame, LiveResult> {
  const parser = new SseParser()
  const result = { ended: false as const, controls: 0, chunks: 0 }
  let waiting: string[] = []
  for await (const bytes of body) {
    const chunks: NewChunk[] = []
    const before = progress.position.token
    let end: Pick<UpstreamFrame, 'ending' | 'message'> = {}
    for (const event of parser.feed(bytes)) {
      if (event.event === 'data') waiting.push(event.data)
      if (event.event !== 'control') continue
      const control = readControl(event.data)
      const time = now()
      if (mode === 'json') {
        const taken = takeUnits(waiting.flatMap(readMessages), progress, time)
        chunks.push(...taken.chunks)
        end = taken.end
      } else {
        for (const data of waiting) chunks.push({ time, data: decodeBase64(data) })
      }
      waiting = []
      progress.moveTo(control.offset)
      place.offset = control.offset
      place.cursor = control.cursor
      result.controls++
      if (end.ending === undefined && control.ending !== null) {
        yield progress.lastFrame(control.ending, chunks)
        return { ended: true }
      }
      if (end.ending !== undefined) break
    }
    result.chunks += chunks.length
    if (chunks.length > 0 || progress.position.token !== before) yield progress.frame(chunks, end)
    if (end.ending !== undefined) return { ended: true }
    if (parser.failure !== null) throw parser.failure
  }
  return result
}
