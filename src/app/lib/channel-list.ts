import type { Ending, Status, StreamInfo } from 'headwater'
import { parseChatMeta, titleOf } from './conversation.ts'
import type { ServerChannel, ServerChannels, ServerRun } from './server-channels.ts'
import type { StatusFacts } from './status-words.ts'

/** Channels of the app's own, not for the list. */
export const RESERVED_PREFIX = 'headwater:'

/** Prefix of channels that are shown as a chat. */
export const CHAT_PREFIX = 'chat:'

/** One row of the list: what server and browser know of a channel together. */
export interface ChannelEntry {
  name: string
  kind: 'chat' | 'log'
  title: string
  facts: StatusFacts
  /** The newest run on the server, `null` where the server does not have the channel. */
  newestRun: ServerRun | null
  /** The newest stream in this browser, `null` where it has none. */
  newestStream: StreamInfo | null
  runs: number
  /** When the newest run began, in milliseconds since the epoch: a stable order, unlike the time of the last chunk. */
  startedAt: number
}

/** Whether a stream of this browser is that run of the server: by the address it was read from. */
export function isStreamOfRun(stream: Pick<StreamInfo, 'url'>, run: Pick<ServerRun, 'url'>): boolean {
  if (stream.url === null) return false
  try {
    const url = new URL(stream.url)
    return url.pathname + url.search === run.url
  } catch {
    return false
  }
}

const STATUS_OF_RUN: Readonly<Record<ServerRun['status'], Status>> = {
  live: 'streaming',
  done: 'done',
  cancelled: 'stopped',
  error: 'error',
}

/** The state of a run that this browser has not opened, out of the server's list. */
export function factsOfRun(run: Pick<ServerRun, 'status' | 'ending'>): StatusFacts {
  const ending: Ending | null = run.ending && {
    kind: run.ending.kind,
    ...(run.ending.code !== undefined && { code: run.ending.code }),
    ...(run.ending.exitCode !== undefined && { exitCode: run.ending.exitCode }),
  }
  return { status: STATUS_OF_RUN[run.status], ending }
}

function factsOfStream(stream: StreamInfo): StatusFacts {
  const { status, waitingFor, ending, canResume, failure } = stream
  return { status, waitingFor, ending, canResume, error: failure?.message ?? null }
}

function entryOf(name: string, server: ServerChannel | undefined, streams: readonly StreamInfo[]): ChannelEntry {
  const kind = name.startsWith(CHAT_PREFIX) ? 'chat' : 'log'
  const newestRun = server?.newest ?? null
  const newestStream = streams.at(-1) ?? null
  // A chat's streams are made here, under addresses of requests, not of runs. For logs the server's newest run counts, opened or not.
  const sameRun =
    kind === 'log' && newestRun ? streams.findLast((stream) => isStreamOfRun(stream, newestRun)) : newestStream
  const firstMessage = kind === 'chat' ? streams.map(({ meta }) => parseChatMeta(meta)).find((meta) => meta) : null
  return {
    name,
    kind,
    title: firstMessage ? titleOf(firstMessage.user.text) : name,
    facts: sameRun ? factsOfStream(sameRun) : newestRun ? factsOfRun(newestRun) : { status: 'idle', ending: null },
    newestRun,
    newestStream,
    runs: Math.max(server?.runs ?? 0, kind === 'log' ? new Set(streams.map(({ url }) => url)).size : 0),
    startedAt: Math.max(newestRun?.createdAt ?? 0, sameRun?.createdAt ?? 0),
  }
}

/** The list: channels of the server and of this browser, the one that began last first. */
export function mergeChannels(server: ServerChannels, streams: readonly StreamInfo[]): ChannelEntry[] {
  const byChannel = new Map<string, StreamInfo[]>()
  for (const stream of streams) {
    const list = byChannel.get(stream.channel)
    if (list) list.push(stream)
    else byChannel.set(stream.channel, [stream])
  }
  const names = new Set([...server.keys(), ...byChannel.keys()])
  return [...names]
    .filter((name) => !name.startsWith(RESERVED_PREFIX))
    .map((name) => entryOf(name, server.get(name), byChannel.get(name) ?? []))
    .sort((a, b) => b.startedAt - a.startedAt || a.name.localeCompare(b.name))
}
