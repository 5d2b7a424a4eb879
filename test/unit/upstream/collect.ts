import { HeadwaterError } from '../../../src/protocol/errors.ts'
import { START, type Position } from '../../../src/protocol/position.ts'
import type { StoredSource } from '../../../src/protocol/source.ts'
import type { ConnectUpstream, UpstreamFrame, UpstreamHead, UpstreamRequest } from '../../../src/upstream/upstream.ts'

export function source(change: Partial<StoredSource> & { url: string }): StoredSource {
  const method = change.method ?? 'GET'
  return {
    method,
    headers: [],
    body: null,
    format: 'auto',
    dialect: null,
    terminal: null,
    resume: null,
    cancel: null,
    idempotent: method === 'GET',
    retries: 3,
    credentials: false,
    ...change,
  }
}

export function request(from: StoredSource, change: Partial<UpstreamRequest> = {}): UpstreamRequest {
  return {
    source: from,
    streamId: 'stream-1',
    position: START,
    resumeUrl: null,
    resuming: false,
    verdict: null,
    dialect: null,
    headers: [],
    ...change,
  }
}

/** What one connection brought, until it ended or failed. */
export interface Collected {
  head: UpstreamHead | null
  frames: UpstreamFrame[]
  /** All data: strings as they are, bytes as byte strings. */
  data: string[]
  position: Position
  error: HeadwaterError | null
  ending: UpstreamFrame['ending']
}

export const shown = (data: string | Uint8Array): string =>
  typeof data === 'string' ? data : Buffer.from(data).toString('latin1')

/** Reads a connection to its end; a typed error is part of the result. */
export async function collect(
  connect: ConnectUpstream,
  wanted: UpstreamRequest,
  signal = new AbortController().signal,
): Promise<Collected> {
  const result: Collected = {
    head: null,
    frames: [],
    data: [],
    position: wanted.position,
    error: null,
    ending: undefined,
  }
  try {
    const connection = await connect(wanted, signal)
    result.head = connection.head
    for await (const frame of connection) {
      result.frames.push(frame)
      result.data.push(...frame.chunks.map((chunk) => shown(chunk.data)))
      result.position = frame.position
      result.ending = frame.ending
    }
  } catch (error) {
    if (!(error instanceof HeadwaterError)) throw error
    result.error = error
  }
  return result
}

/** A fetch that answers with these pieces of a body, cut off (instead of ended) where `cutOff`. */
export function bodyFetch(
  pieces: readonly (string | Uint8Array)[],
  headers: Record<string, string>,
  cutOff = false,
): typeof fetch {
  return () => {
    let at = 0
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          const piece = pieces[at++]
          if (piece !== undefined) controller.enqueue(typeof piece === 'string' ? Buffer.from(piece) : piece)
          else if (cutOff) controller.error(new TypeError('terminated'))
          else controller.close()
        },
      },
      { highWaterMark: 0 },
    )
    return Promise.resolve(new Response(body, { headers }))
  }
}

/** The same bytes cut in two, at each place there is. */
export function everySplit(text: string): Uint8Array[][] {
  const bytes = Buffer.from(text)
  return Array.from(bytes, (_, at) => [bytes.subarray(0, at), bytes.subarray(at)]).slice(1)
}
