import { connectHub } from 'headwater'
import type { Channel, ChannelEvent, Sink, Source, StartOptions, State } from 'headwater'
import type { PageSink } from '../../../src/client/page-sink.ts'
import { recordStream, textOf } from './record-stream.ts'
import type { StreamRecord } from './record-stream.ts'

/** A channel as this page follows it. */
interface Followed {
  channel: Channel
  /** One per stream that the channel showed, in that order. */
  records: StreamRecord[]
  /** Each status with the seq and the text's length that stood beside it. */
  timeline: { status: string; seq: number; waitingFor: string | null }[]
}

/** A view as plain data, for the test to look at. */
export interface View {
  state: Pick<
    State,
    'streamId' | 'seq' | 'status' | 'text' | 'done' | 'loading' | 'canResume' | 'canRetry' | 'error'
  > & {
    ending: State['ending']
    code: string | null
    parts: State['parts']
  }
  timeline: Followed['timeline']
  streams: {
    streamId: string
    text: string
    chunks: number
    contiguous: boolean
    gaps: number
    ended: boolean
    error: string | null
  }[]
}

const hub = connectHub()
const followed = new Map<string, Followed>()
const sinks = new Map<string, Sink>()
const heard: (ChannelEvent & { text: string })[] = []

/** A sink that this page opened. */
function sink(id: string): Sink {
  const found = sinks.get(id)
  if (found === undefined) throw new Error(`start "${id}" first`)
  return found
}

/** Follows a channel: its state and, by readers of their own, every stream that it shows. Starts nothing. */
function follow(name: string): Channel {
  const known = followed.get(name)
  if (known !== undefined) return known.channel
  const channel = hub.channel(name)
  const entry: Followed = { channel, records: [], timeline: [] }
  followed.set(name, entry)
  const look = (): void => {
    const { status, seq, waitingFor = null, streamId } = channel.state
    const last = entry.timeline.at(-1)
    if (last === undefined || last.status !== status || last.waitingFor !== waitingFor)
      entry.timeline.push({ status, seq, waitingFor })
    if (streamId !== null && entry.records.every((record) => record.streamId !== streamId)) {
      entry.records.push(recordStream(channel, streamId))
    }
  }
  channel.subscribe(look)
  look()
  return channel
}

function view(name: string): View {
  const entry = followed.get(name)
  if (entry === undefined) throw new Error(`follow("${name}") first`)
  const { streamId, seq, status, text, done, loading, canResume, canRetry, error, ending, failure, parts } =
    entry.channel.state
  return {
    state: {
      streamId,
      seq,
      status,
      text,
      done,
      loading,
      canResume,
      canRetry,
      error,
      ending,
      parts,
      code: failure?.code ?? null,
    },
    timeline: entry.timeline,
    streams: entry.records.map((record) => ({
      streamId: record.streamId,
      text: textOf(record),
      chunks: record.seqs.length,
      contiguous: record.seqs.every((seq, i) => seq === i + 1),
      gaps: record.gaps.length,
      ended: record.ended,
      error: record.error,
    })),
  }
}

/** What this page shows and what is stored, for whoever reads why a test failed. */
async function describe(): Promise<string> {
  const channels = await Promise.all(
    [...followed].map(async ([name, { channel, timeline }]) => {
      const { streamId, status, seq, waitingFor, error } = channel.state
      const history = channel.history().then((found) => found, String)
      return { name, shown: { streamId, status, seq, waitingFor, error }, timeline, history: await history }
    }),
  )
  return JSON.stringify({ boot: hub.info?.bootId, state: document.visibilityState, channels })
}

const hw = {
  hub,
  describe,
  connectHub,
  follow,
  view,
  send: (name: string, source: Source): Promise<string> => follow(name).send(source),
  open: (name: string, source: Source): Promise<string> => follow(name).open(source),
  verb: async (name: string, verb: 'stop' | 'resume' | 'cancel' | 'retry'): Promise<void> => {
    await follow(name)[verb]()
  },
  start: (name: string, options?: StartOptions): string => {
    const opened = follow(name).start(options)
    sinks.set(opened.id, opened)
    return opened.id
  },
  sink,
  /** Resolves once a hub has the stream that this page writes. */
  started: async (id: string): Promise<void> => void (await (sink(id) as PageSink).started),
  /** Why a sink's signal aborted: its code and what was said; `null` where it did not. */
  aborted: (id: string): { code: string; data: unknown } | null => {
    const { aborted, reason } = sink(id).signal
    if (!aborted) return null
    const { code, data } = reason as { code: string; data: unknown }
    return { code, data }
  },
  /** Writes down the events of one name, each with the text that the channel showed then. */
  listen: (name: string, event: string): void => {
    const channel = follow(name)
    channel.on(event, (what) => heard.push({ ...what, text: channel.text }))
  },
  heard: (): readonly (ChannelEvent & { text: string })[] => heard,
  /** SHA-256 of the bytes of a channel's newest stream so far, in hex. */
  digest: async (name: string): Promise<string> => {
    const data = followed.get(name)?.records.at(-1)?.data ?? []
    const bytes = new Uint8Array(await new Blob(data as BlobPart[]).arrayBuffer())
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
    return [...hash].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  },
  bootId: async (): Promise<string> => (hub.info ?? (await hub.ready)).bootId,
}

export type TestPage = typeof hw

declare global {
  var hw: TestPage
}
globalThis.hw = hw
