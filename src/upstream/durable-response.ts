import { HeadwaterError } from '../protocol/errors.ts'
import { HEADER } from '../protocol/http.ts'
import { decodeEnding } from '../protocol/http.ts'
import type { Ending, NewChunk } from '../protocol/chunk.ts'
import { ByteReader } from './byte-reader.ts'
import { shownUrl } from './failures.ts'
import { JsonArrayParser } from './json-array-parser.ts'
import type { Progress } from './progress.ts'
import { takeUnits, type Unit } from './read-units.ts'
import type { UpstreamFrame } from './upstream.ts'

/** How the data of a Durable Stream is framed, told by its content type. */
export type DurableMode = 'json' | 'text' | 'bytes'

export function durableMode(contentType: string): DurableMode {
  if (contentType === 'application/json') return 'json'
  return contentType.startsWith('text/') ? 'text' : 'bytes'
}

/** What a response says of where the stream goes on. */
export interface DurablePlace {
  offset: string
  cursor: string | null
  upToDate: boolean
  /** `null` where the stream is open, or this response does not reach its end. */
  ending: Ending | null
}

/** @throws {HeadwaterError} `bad-response` where the answer is none of a Durable Streams server. */
export function readPlace(response: Response, url: string): DurablePlace {
  const { headers } = response
  const offset = headers.get(HEADER.nextOffset)
  if (offset === null) {
    throw new HeadwaterError(
      'bad-response',
      `${shownUrl(url)} sends no Stream-Next-Offset. Is it a durable stream? On another origin, the server must expose its headers (Access-Control-Expose-Headers).`,
    )
  }
  return {
    offset,
    cursor: headers.get(HEADER.cursor),
    // A long-poll that timed out has waited at the tail.
    upToDate: headers.get(HEADER.upToDate) === 'true' || response.status === 204,
    ending: headers.get(HEADER.closed) === 'true' ? decodeEnding(headers.get(HEADER.ending)) : null,
  }
}

/** Reads the bodies of catch-up and long-poll responses, one after the other. */
export class DurableBodyReader {
  #mode: DurableMode
  #progress: Progress
  #now: () => number
  #bytes: ByteReader
  #endMark: string | null

  /** @param endMark a last chunk for the end of the stream, where its other representation has one */
  constructor(mode: DurableMode, progress: Progress, now: () => number, endMark: string | null = null) {
    this.#mode = mode
    this.#progress = progress
    this.#now = now
    this.#bytes = new ByteReader(progress, mode === 'text')
    this.#endMark = endMark
  }

  /**
   * One frame for each read. The last one waits for the end of the body, because only then may the position move on to the next offset:
   * so it needs no transaction of its own. Returns true where the stream has ended.
   */
  async *read(body: AsyncIterable<Uint8Array>, place: DurablePlace): AsyncGenerator<UpstreamFrame, boolean> {
    const json = this.#mode === 'json' ? new JsonArrayParser() : null
    let chunks: NewChunk[] = []
    let read = false
    for await (const bytes of body) {
      read = true
      if (chunks.length > 0) yield this.#progress.frame(chunks)
      const taken = this.#take(json === null ? bytes : json.feed(bytes))
      chunks = taken.chunks
      if (taken.end.ending !== undefined) {
        yield this.#progress.frame(chunks, taken.end)
        return true
      }
      if (json?.failure) {
        if (chunks.length > 0) yield this.#progress.frame(chunks)
        throw json.failure
      }
    }
    if (read && json?.complete === false) {
      if (chunks.length > 0) yield this.#progress.frame(chunks)
      throw new HeadwaterError(
        'network',
        'A page of the durable stream ended in the middle: it was cut off on the way.',
      )
    }
    const before = this.#progress.position.token
    this.#bytes.next(place.offset)
    if (place.ending !== null) {
      const rest = this.#bytes.flush()
      if (rest !== null) chunks.push({ time: this.#now(), data: rest })
      if (this.#endMark !== null) chunks.push({ time: this.#now(), data: this.#endMark })
      yield this.#progress.lastFrame(place.ending, chunks)
      return true
    }
    if (chunks.length > 0 || this.#progress.position.token !== before) yield this.#progress.frame(chunks)
    return false
  }

  #take(read: Uint8Array | Unit[]): ReturnType<typeof takeUnits> {
    const time = this.#now()
    if (!(read instanceof Uint8Array)) return takeUnits(read, this.#progress, time)
    const data = this.#bytes.push(read)
    if (data === null) return { chunks: [], end: {} }
    const chunk = { time, data }
    return { chunks: [chunk], end: this.#progress.judge(chunk) }
  }
}
