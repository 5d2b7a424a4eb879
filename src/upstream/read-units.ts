import type { NewChunk } from '../protocol/chunk.ts'
import type { HeadwaterError } from '../protocol/errors.ts'
import type { Progress } from './progress.ts'
import type { UpstreamFrame } from './upstream.ts'

/** One unit of a format that has units: an event, a line, a message. */
export interface Unit {
  data: string
  event?: string | undefined
  id?: string | undefined
}

/** Cuts bytes into units. */
export interface UnitParser {
  feed(bytes: Uint8Array): readonly Unit[]
  readonly failure: HeadwaterError | null
}

/** Units as new chunks, without those that are committed already, up to the one that proves the end. */
export function takeUnits(
  units: readonly Unit[],
  progress: Progress,
  time: number,
): { chunks: NewChunk[]; end: Pick<UpstreamFrame, 'ending' | 'message'> } {
  const chunks: NewChunk[] = []
  for (const { data, event, id } of units) {
    if (!progress.takeUnit(data, event, id)) continue
    const chunk: NewChunk = { time, data, ...(event !== undefined && { event }), ...(id !== undefined && { id }) }
    chunks.push(chunk)
    const end = progress.judge(chunk)
    if (end.ending !== undefined) return { chunks, end }
  }
  return { chunks, end: {} }
}

/** Reads a body of units, one frame for each read that brought any. Returns true where the stream ended on a unit's evidence. */
export async function* readUnits(
  body: AsyncIterable<Uint8Array>,
  parser: UnitParser,
  progress: Progress,
  now: () => number,
): AsyncGenerator<UpstreamFrame, boolean> {
  for await (const bytes of body) {
    const { chunks, end } = takeUnits(parser.feed(bytes), progress, now())
    if (chunks.length > 0) yield progress.frame(chunks, end)
    if (end.ending !== undefined) return true
    if (parser.failure !== null) throw parser.failure
  }
  return false
}
