import { Refusal } from '../answers.ts'
import { unknownRun } from '../chat/unknown-run.ts'
import { parseOffset } from '../durable-streams/read-request.ts'
import { absent, wrongPlace } from '../durable-streams/refusals.ts'
import { CHAT_PREFIX, checkChannel, parseChannel, parseRun, parseStreamPath } from '../stream-path.ts'
import type { StreamInfo, StreamName, StreamStore } from '../stream-store.ts'
import type { Start } from './data-subscription.ts'
import { eventLog } from './event-log.ts'
import { eventsPlaylist } from './playlist.ts'
import type { Playlist } from './playlist.ts'
import type { SocketServices } from './socket-services.ts'
import type { Visitor } from './visitor.ts'

type From = ReturnType<typeof parseOffset>

/** What a subscription to data is about. */
export interface Target {
  /** Empty for a stream outside of channels. */
  readonly channel: string
  readonly playlist: Playlist | null
  /** Where it begins; `null` where there is nothing yet. @throws {Refusal} */
  readonly start: () => Promise<Start | null>
}

/** One stream, by its path. */
export function streamTarget({ context }: SocketServices, visitor: Visitor, path: string, offset: string): Target {
  const from = parseOffset(offset)
  const url = parsePath(path)
  if (url.pathname.startsWith(CHAT_PREFIX)) {
    const name = parseChatPath(url)
    return {
      channel: name.channel,
      playlist: null,
      async start() {
        await visitor.mayDoInChannel('read', name.channel)
        const start = await placeIn(context.store, name, from)
        if (start === null || !start.info.chat) throw await unknownRun(context, name)
        return start
      },
    }
  }
  const name = parseStreamPath(url.pathname)
  return {
    channel: name.channel,
    playlist: null,
    async start() {
      await visitor.mayReadStream(name)
      return (await placeIn(context.store, name, from)) ?? Promise.reject(absent('missing'))
    },
  }
}

/** A channel's newest run, or the one that is named, and all that come later. */
export function channelTarget(
  { context, channels }: SocketServices,
  visitor: Visitor,
  given: string,
  run: string | null,
  offset: string,
): Target {
  const from = parseOffset(offset)
  const channel = checkChannel(given)
  const named = run === null ? null : { channel, run: parseRun(run) }
  const playlist = channels.playlist(channel)
  return {
    channel,
    playlist,
    async start() {
      await visitor.mayDoInChannel('read', channel)
      const name = named ?? (await playlist.newest())?.name ?? null
      if (name === null) return null
      await visitor.mayReadStream(name)
      const start = await placeIn(context.store, name, from)
      // Deleted since it was looked up, it is as if it had not been there.
      if (start === null && named !== null) throw await unknownRun(context, named)
      return start
    },
  }
}

/** The events of a channel. */
export function eventsTarget({ context }: SocketServices, visitor: Visitor, given: string, offset: string): Target {
  const from = parseOffset(offset)
  const channel = checkChannel(given)
  const name = eventLog(channel)
  return {
    channel,
    playlist: eventsPlaylist(context.store, name),
    async start() {
      await visitor.mayDoInChannel('read', channel)
      return placeIn(context.store, name, from)
    },
  }
}

async function placeIn(store: StreamStore, name: StreamName, from: From): Promise<Start | null> {
  // One byte: only to see whether stream and place are there.
  const page = await store.read(name, from, 1)
  if (page.kind === 'bad-place') throw wrongPlace()
  if (page.kind === 'gone') throw absent('gone')
  return page.kind === 'page' ? { info: page.info satisfies StreamInfo, place: page.from } : null
}

const BASE = 'http://localhost'

function parsePath(path: string): URL {
  const url = path.startsWith('/') && URL.canParse(path, BASE) ? new URL(path, BASE) : null
  // Not `//elsewhere/…`, which is no path.
  if (url?.origin === BASE) return url
  throw new Refusal(400, 'bad-name', 'A stream is named by its path on this server, such as /v1/stream/build/7.')
}

function parseChatPath(url: URL): StreamName {
  const [channel = '', verb, ...more] = url.pathname.slice(CHAT_PREFIX.length).split('/')
  const run = url.searchParams.get('run')
  if (verb === 'stream' && more.length === 0 && run !== null)
    return { channel: parseChannel(channel), run: parseRun(run) }
  throw new Refusal(404, 'not-found', `A chat's run has the address ${CHAT_PREFIX}<id>/stream?run=<run>.`)
}
