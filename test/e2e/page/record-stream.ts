import type { Channel, Gap } from 'headwater'

/** Everything that one reader was given, in the order it came. */
export interface StreamRecord {
  streamId: string
  seqs: number[]
  data: (string | Uint8Array)[]
  gaps: Gap[]
  /** The reader came to the stream's end. */
  ended: boolean
  error: string | null
}

/** Reads one stream of a channel from its start, and writes down what comes. */
export function recordStream(channel: Channel, streamId: string): StreamRecord {
  const record: StreamRecord = { streamId, seqs: [], data: [], gaps: [], ended: false, error: null }
  const read = async (): Promise<void> => {
    for await (const chunk of channel.read({ streamId, from: 'start', onGap: (gap) => record.gaps.push(gap) })) {
      record.seqs.push(chunk.seq)
      // The event that proves the end is a chunk of the log like any other, but no part of what was said.
      if (chunk.event === undefined) record.data.push(chunk.data)
    }
    record.ended = true
  }
  read().catch((error: unknown) => (record.error = String(error)))
  return record
}

/** What was recorded, as one text: bytes are decoded as one run, so that characters may span chunks. */
export function textOf(record: StreamRecord): string {
  const decoder = new TextDecoder()
  const parts = record.data.map((data) => (typeof data === 'string' ? data : decoder.decode(data, { stream: true })))
  return parts.join('') + decoder.decode()
}
