import type { NewChunk } from '../../../src/protocol/chunk.ts'
import type { PackedChunks } from '../../../src/protocol/packed-chunks.ts'
import { packChunks, unpackChunks } from '../../../src/protocol/packed-chunks.ts'
import { START } from '../../../src/protocol/position.ts'
import type { StoredSource } from '../../../src/protocol/source.ts'
import type { LogRead, RowChange, StreamRow } from '../../../src/store/log-store.ts'

/** A row of a stream that has just been created. */
export function newRow(streamId: string, more: Partial<StreamRow> = {}): StreamRow {
  return {
    streamId,
    channel: 'build',
    source: null,
    version: 1,
    epoch: 1,
    seq: 0,
    firstSeq: 1,
    position: START,
    status: 'streaming',
    sent: false,
    resumeUrl: null,
    cancelUrl: null,
    resumable: true,
    intent: null,
    verbIds: [],
    verdict: null,
    ending: null,
    failure: null,
    gaps: [],
    dialect: null,
    contentType: null,
    size: 0,
    createdAt: 1_000,
    updatedAt: 1_000,
    ...more,
  }
}

/** A source whose request has this body. */
export function sourceOf(body: string | Uint8Array): StoredSource {
  return {
    url: 'http://localhost/chat',
    method: 'POST',
    headers: [],
    body,
    format: 'auto',
    dialect: null,
    terminal: null,
    resume: null,
    cancel: null,
    idempotent: false,
    retries: 3,
    credentials: false,
  }
}

/** `count` text chunks: "1 ", "2 " … from `fromSeq` on. */
export function lines(fromSeq: number, count: number): NewChunk[] {
  return Array.from({ length: count }, (_, i) => ({ time: fromSeq + i, data: `${fromSeq + i} ` }))
}

/** Appends to wherever the log ends, creating the stream where there is none. `onlyEpoch` fences. */
export function append(streamId: string, chunks: readonly NewChunk[], options: { onlyEpoch?: number } = {}): RowChange {
  return {
    streamId,
    decide(row = newRow(streamId)) {
      if (options.onlyEpoch !== undefined && row.epoch !== options.onlyEpoch) return null
      const packs = packChunks(chunks, row.seq + 1)
      return { row: { ...row, seq: row.seq + chunks.length, version: row.version + 1 }, packs }
    },
  }
}

/** Writes exactly these packs and says that the log ends at `seq`. */
export function write(
  streamId: string,
  packs: readonly PackedChunks[],
  seq: number,
  more: Partial<StreamRow> = {},
): RowChange {
  return { streamId, decide: (row = newRow(streamId)) => ({ row: { ...row, ...more, seq }, packs }) }
}

/** What a read holds, chunk by chunk. */
export function chunksOf(read: LogRead | undefined): { seq: number; data: string | Uint8Array }[] {
  return (read?.packs ?? []).flatMap(unpackChunks)
}

/** All seqs from `fromSeq`, read after read, with every read's own limits. */
export async function seqsFrom(
  readLog: (fromSeq: number) => Promise<LogRead | undefined>,
  fromSeq: number,
): Promise<number[]> {
  const seqs: number[] = []
  for (let next = fromSeq; ;) {
    const read = await readLog(next)
    if (read === undefined || read.toSeq === next) return seqs
    seqs.push(...chunksOf(read).map(({ seq }) => seq))
    next = read.toSeq
  }
}
