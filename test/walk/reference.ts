import type { ChannelEvent, Sink } from '../../src/client/api.ts'
import { HeadwaterError } from '../../src/protocol/errors.ts'
import type { StartStream, Verb } from '../../src/protocol/hub-port.ts'
import type { State } from '../../src/protocol/state.ts'
import { unpackChunks } from '../../src/protocol/packed-chunks.ts'
import type { LogStore, StreamRow } from '../../src/store/log-store.ts'
import type { OnRefused } from './recording-store.ts'
import type { Run, Truth } from './truth.ts'
import { must } from './violation.ts'

/** What a stream's reader was given. */
export interface ReaderRecord {
  streamId: string
  firstSeq: number
  data: { seq: number; data: string | Uint8Array }[]
  ended: boolean
  /** Its page said that it wants no more, which ends it anywhere. */
  cancelled: boolean
  error: { code?: string } | null
}

/** What is asked of a page that writes a stream. */
export interface WriterRecord {
  sink: Sink
  run: Run
}

/** What one listener of a channel was told, and what it may have been told. */
export interface ListenerRecord {
  channel: string
  /** Of published events: their numbers. */
  heard: Set<number>
  /** Of named chunks: the last seq of each stream. */
  seqs: Map<string, number>
}

/** What is known of one stream from what its users did, and from what was committed. */
interface Known {
  /** Every version of its row, as committed. */
  versions: StreamRow[]
  /** Somebody asked for its end by `cancel`. */
  cancelAsked: boolean
  /** Calls of `resume` that began, and those that are not answered. */
  resumes: number
  resuming: number
  /** The committed seq when a stop was acknowledged that no resume crossed; from then on nothing may be appended. */
  stoppedAt: number | null
  /** Up to here the log was compared with the truth. */
  checked: number
  /** Where somebody asked for its start. */
  channel: string | null
  /** A store refused to write it: from then on it may be in a hub's memory alone, which dies with the hub. */
  unsure: boolean
  /** Somebody asks for its deletion; and was told that it is done. */
  forgetAsked: boolean
  forgotten: boolean
}

/** Whether it ended because nobody read it, and its channel asked for that. */
const wasUnwatched = ({ unwatched, reason }: StreamRow): boolean => unwatched !== undefined && reason === 'unwatched'

/** What may never be undone between two versions of a row. */
function mustFollow(before: StreamRow, row: StreamRow): void {
  const what = (): string => `${JSON.stringify(before)} → ${JSON.stringify(row)}`
  must(row.epoch >= before.epoch, 'an epoch never falls', what)
  must(row.seq >= before.seq, 'a committed seq never falls', what)
  must(!before.sent || row.sent, 'what was sent stays sent', what)
  must(
    before.ending === null || JSON.stringify(before.ending) === JSON.stringify(row.ending),
    'an ending is for good',
    what,
  )
  must(before.ending === null || row.seq === before.seq, 'nothing is appended after the end', what)
}

/**
 * The reference model of a walk: a few facts per stream, and what must hold whenever one looks. It knows nothing of hubs, epochs or cursors: only what
 * users did, what upstream said, and what was committed.
 */
export class Reference {
  readonly #streams = new Map<string, Known>()
  readonly #truth: Truth
  /** Channels in which somebody started a stream in the place of others. */
  readonly #replaced = new Set<string>()
  /** Events that were published: the channel of each number. */
  readonly published: string[] = []
  /** What was found where nobody could be told: a store that throws is a fault of its own. */
  found: unknown = null

  constructor(truth: Truth) {
    this.#truth = truth
  }

  known(streamId: string): Known {
    let known = this.#streams.get(streamId)
    if (known === undefined) {
      known = {
        versions: [],
        cancelAsked: false,
        resumes: 0,
        resuming: 0,
        stoppedAt: null,
        checked: 0,
        channel: null,
        unsure: false,
        forgetAsked: false,
        forgotten: false,
      }
      this.#streams.set(streamId, known)
    }
    return known
  }

  run(streamId: string): Run | undefined {
    return this.#truth.runs.get(streamId)
  }

  /** The last committed version of a stream's row. */
  row(streamId: string): StreamRow | undefined {
    return this.#streams.get(streamId)?.versions.at(-1)
  }

  /** A store refused to write streams, or to open a channel. */
  readonly refused: OnRefused = ({ streamIds = [], channel }) => {
    for (const streamId of streamIds) this.known(streamId).unsure = true
    if (channel === undefined) return
    // What is in it, or was to begin in it.
    for (const known of this.#streams.values()) if (known.channel === channel) known.unsure = true
  }

  /** Whether a store ever refused to write anything. */
  get isAnyUnsure(): boolean {
    return [...this.#streams.values()].some(({ unsure }) => unsure)
  }

  /** What a hub was asked, whoever asked it. */
  heard(method: string, argument: unknown): void {
    if (method === 'start') {
      const { streamId, channel, mode } = argument as StartStream
      this.known(streamId).channel = channel
      if (mode !== 'join') this.#replaced.add(channel)
    } else if (method === 'verb') {
      const { kind, streamId } = argument as Verb
      const known = this.known(streamId)
      if (kind === 'cancel') known.cancelAsked = true
      // Asked by a view that knew of another stream when it was asked.
      if (kind === 'resume' && known.resuming === 0) this.resuming(streamId)()
    }
  }

  readonly committed = (row: StreamRow): void => {
    try {
      this.#checkCommit(row)
    } catch (error) {
      this.found ??= error
    }
  }

  #checkCommit(row: StreamRow): void {
    const known = this.known(row.streamId)
    const run = this.run(row.streamId)
    // Two transactions may be heard of in another order than they were made in.
    const at = known.versions.findLastIndex(({ version }) => version <= row.version)
    const before = known.versions[at]
    const after = known.versions[at + 1]
    known.versions.splice(at + 1, 0, row)
    const what = (): string => `${JSON.stringify(before)} → ${JSON.stringify(row)}`
    // What went through a hub's memory unchanged is written back as it was.
    const isSame = known.unsure && JSON.stringify(before) === JSON.stringify(row)
    must(before?.version !== row.version || isSame, 'a row has each version once', what)
    if (before !== undefined) mustFollow(before, row)
    if (after !== undefined) mustFollow(row, after)
    must(row.seq <= (run?.released ?? 0), 'nothing is committed that upstream did not say', what)
    must(
      known.stoppedAt === null ||
        known.unsure ||
        row.ending !== null ||
        (row.seq === known.stoppedAt && row.status === 'stopped'),
      'an acknowledged stop is not undone',
      what,
    )
    must(row.gaps.length === 0, 'a log has no gap', what)
    if (row.ending !== null) this.#mustEnd(row, run, known)
  }

  #mustEnd(row: StreamRow, run: Run | undefined, known: Known): void {
    const what = (): string => `${JSON.stringify(row)} of ${run?.released} units, ${JSON.stringify(run?.ending)}`
    switch (row.ending?.kind) {
      case 'done':
        must(run?.ending?.kind === 'done' && row.seq === run.released, 'done only at the end of the truth', what)
        break
      case 'error':
        must(
          row.ending.code === 'producer-lost'
            ? run?.left === true || known.unsure
            : (run?.ending?.kind === 'error' && row.seq === run.released) || (run?.refusedForGood ?? 0) > 0,
          'an error only where its source said so, or a page that writes has left',
          what,
        )
        break
      default:
        must(
          known.cancelAsked || this.#wasReplaced(row, known) || wasUnwatched(row),
          'cancelled only where somebody asked',
          what,
        )
    }
  }

  #wasReplaced({ channel, reason }: StreamRow, { versions }: Known): boolean {
    // What a page writes ends in the transaction that replaces it, without an intent.
    const said = reason === 'replaced' || versions.some(({ intent }) => intent?.reason === 'replaced')
    return this.#replaced.has(channel) && said
  }

  /** Somebody calls `resume`. Answers with what to do when it was answered. */
  resuming(streamId: string): () => void {
    const known = this.known(streamId)
    known.resumes += 1
    known.resuming += 1
    known.stoppedAt = null
    return () => void (known.resuming -= 1)
  }

  /** Somebody calls `stop`. Answers with what to do when it was acknowledged. */
  stopping(streamId: string): () => void {
    const known = this.known(streamId)
    const { resumes, resuming } = known
    return () => {
      const row = known.versions.at(-1)
      if (known.forgetAsked || known.unsure || row === undefined || known.resumes !== resumes || resuming > 0) return
      must(row.ending !== null || row.status === 'stopped', 'an acknowledged stop took effect', () =>
        JSON.stringify(row),
      )
      if (row.ending === null) known.stoppedAt = row.seq
    }
  }

  cancelled(streamId: string): void {
    const known = this.known(streamId)
    const row = known.versions.at(-1)
    if (known.forgetAsked || known.unsure) return
    must(row?.ending != null, 'an acknowledged cancel took effect', () => JSON.stringify(row))
  }

  /** Compares what is stored with the truth, and with what was acknowledged. */
  async checkStore(store: LogStore): Promise<void> {
    const rows = await store.rows()
    for (const row of rows) {
      const known = this.known(row.streamId)
      must(!known.forgotten, 'what was deleted stays deleted', () => row.streamId)
      await this.#checkLog(store, row, known)
    }
  }

  async #checkLog(store: LogStore, { streamId, seq }: StreamRow, known: Known): Promise<void> {
    const run = this.run(streamId)
    while (known.checked < seq) {
      const read = await store.readLog(streamId, known.checked + 1)
      if (read === undefined) return
      const chunks = read.packs.flatMap(unpackChunks)
      must(chunks.length > 0, 'the log has what its row says', () => `${streamId} after ${known.checked} of ${seq}`)
      for (const chunk of chunks) {
        if (chunk.seq <= known.checked) continue
        must(chunk.seq === known.checked + 1, 'a log has no hole', () => `${chunk.seq} after ${known.checked}`)
        must(
          chunk.data === run?.unit(chunk.seq),
          'the log is the truth',
          () => `${String(chunk.data)} at ${chunk.seq} of ${run?.name}`,
        )
        known.checked = chunk.seq
      }
    }
  }

  checkSockets(isRobbed: (hub: string) => boolean): void {
    for (const run of this.#truth.runs.values()) {
      const open = [...run.sockets].filter(({ by }) => !isRobbed(by))
      must(open.length <= 1, 'one connection per stream', () => `${open.map(({ by }) => by).join()} have ${run.name}`)
      must(run.kind !== 'page' || run.posts + run.sockets.size === 0, 'what a page writes is not fetched')
      must(run.kind === 'get' || run.posts <= 1, 'a POST is sent once', () => `${run.name}: ${run.posts}`)
    }
  }

  /** A view shows a prefix of one stream's truth, no more than is committed, and a status that this stream had. */
  checkView(state: State, reads: boolean): void {
    const { streamId, seq, status, ending, text } = state
    if (streamId === null) return
    const { versions, forgetAsked, unsure } = this.known(streamId)
    const run = this.run(streamId)
    const what = (): string =>
      JSON.stringify({ streamId, seq, status, ending, text, run: run?.name, failure: String(state.failure) })
    must(state.gaps.length === 0, 'a view has no gap', what)
    if (reads) must(text === (run?.text(seq) ?? ''), 'a view is a prefix of the truth', what)
    must(status !== 'done' || ending?.kind === 'done', 'done is an ending', what)
    must(seq <= (run?.released ?? 0), 'a view shows what was said', what)
    if (unsure) return
    const newest = versions.at(-1)
    must(newest !== undefined, 'a view shows a stream that exists', what)
    must(seq <= newest.seq, 'visible means committed', what)
    if (forgetAsked) return
    const matching = versions.filter((row) => row.status === status)
    must(matching.length > 0, 'a view’s status is one that its stream had', what)
    if (ending !== null) {
      must(JSON.stringify(newest.ending) === JSON.stringify(ending), 'a view’s ending is its stream’s', what)
      must(seq === newest.seq, 'an end is shown with the last chunk', what)
    }
  }

  checkReader({ streamId, firstSeq, data, ended, cancelled, error }: ReaderRecord): void {
    const run = this.run(streamId)
    const row = this.row(streamId)
    const what = (): string =>
      JSON.stringify({ run: run?.name, firstSeq, seqs: data.map(({ seq }) => seq), ended, error })
    data.forEach((chunk, i) => {
      must(chunk.seq === firstSeq + i, 'a reader gets every chunk once', what)
      must(chunk.data === run?.unit(chunk.seq), 'a reader gets the truth', what)
    })
    if (ended && !cancelled && !this.known(streamId).unsure)
      must(row?.ending != null && (data.at(-1)?.seq ?? row.seq) === row.seq, 'a reader ends at the end', what)
  }

  /** A write was acknowledged: it is stored, whoever dies now. */
  stored({ streamId }: Run, seq: number): void {
    const { forgetAsked, unsure, versions } = this.known(streamId)
    const row = versions.at(-1)
    must(
      forgetAsked || unsure || (row?.seq ?? 0) >= seq,
      'an acknowledged write is stored',
      () => `${seq}: ${JSON.stringify(row)}`,
    )
  }

  /** The end of what a page writes was acknowledged. */
  finished({ streamId, ending }: Run): void {
    const { forgetAsked, unsure, versions } = this.known(streamId)
    const row = versions.at(-1)
    const what = (): string => JSON.stringify(row)
    must(forgetAsked || unsure || row?.ending?.kind === ending?.kind, 'an acknowledged end is stored', what)
  }

  /** Whoever may write no more is told why; and nobody else is. */
  checkWriter({ sink, run }: WriterRecord): void {
    // With a hub's memory go chunks that were acknowledged (`durable: false`), or the stream.
    const { forgetAsked, unsure, versions } = this.known(run.streamId)
    if (!sink.signal.aborted || unsure) return
    const ending = versions.at(-1)?.ending
    const { reason } = sink.signal as { reason: unknown }
    const code = reason instanceof HeadwaterError ? reason.code : null
    const what = (): string => `${run.name}: ${String(reason)}, ${JSON.stringify(versions.at(-1))}`
    const isTrue =
      (code === 'cancelled' && (ending?.kind === 'cancelled' || forgetAsked)) ||
      (code === 'unknown-stream' && forgetAsked) ||
      (code === 'producer-lost' && run.left) ||
      // As every call: no hub answered for as long as a page waits (I8).
      code === 'worker-failed' ||
      // It could not be started.
      (code === 'store' && versions.length === 0)
    must(isTrue, 'a page that writes is told the truth', what)
  }

  /** A listener hears what was published in its channel, once, and no sooner than its view shows what stood before it. */
  heardEvent({ channel, heard, seqs }: ListenerRecord, { data, streamId, seq }: ChannelEvent, shown: State): void {
    const what = (): string => JSON.stringify({ channel, data, streamId, seq, shows: [shown.streamId, shown.seq] })
    must(streamId !== shown.streamId || seq <= shown.seq, 'an event comes after what stood before it', what)
    if (typeof data === 'number') {
      must(this.published[data] === channel, 'an event is one that was published', what)
      must(!heard.has(data), 'an event is heard once', what)
      heard.add(data)
    } else {
      must(streamId !== null && data === this.run(streamId)?.unit(seq), 'a named chunk is the truth', what)
      must(seq > (seqs.get(streamId) ?? 0), 'a named chunk is heard once, in order', what)
      seqs.set(streamId, seq)
    }
  }
}
