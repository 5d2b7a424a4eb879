import { nanoid } from 'nanoid'
import { HeadwaterError } from '../../protocol/errors.ts'
import { checkChannelName, checkStreamId } from '../../protocol/names.ts'
import { Refusal } from '../answers.ts'
import { checkRoom } from '../durable-streams/refusals.ts'
import { isContentType } from '../content-type.ts'
import type { ServerContext } from '../server-context.ts'
import { publishEvent } from '../socket/event-log.ts'
import type { StreamInfo, StreamName } from '../stream-store.ts'
import { mediaType } from '../stream-store.ts'
import { LogInbound } from './inbound-reader.ts'
import type { InboundReader } from './inbound-reader.ts'
import { LogSink } from './server-sink.ts'
import type { ChunkOf, ServerSink } from './server-sink.ts'
import type { Writers } from './writers.ts'

export interface ServerStartOptions<T extends string = string> {
  /** The stream's id, 1 to 256 characters. Default: a new random one. */
  id?: string
  /** `application/json`: each chunk is a JSON value, and stays one message. Else chunks are text or bytes. Default: `text/plain; charset=utf-8`. */
  contentType?: T
  /** Seconds after its ending, or its last reader, for which the stream is kept. Default: until it is deleted. */
  ttlSeconds?: number
}

export interface InboundOptions<T extends string = string> {
  /** The stream to read. Default: a new one with a random id. One that is there is read from its start, live or ended. */
  id?: string
  /** Content type of the stream. Default: `application/octet-stream`. */
  contentType?: T
  /**
   * Seconds for which a new stream waits for its uploader: who appends nothing, and does not renew the lease (PROTOCOL.md 4.1), is taken for gone. `null`: for ever.
   * Default: 60.
   */
  leaseSeconds?: number | null
}

/** A channel on the server, for the process that serves it: producers and readers without HTTP, and without asking `authorize`. */
export interface ServerChannel {
  readonly name: string
  /**
   * A new stream that this process writes. Others of the channel go on: several may be live at once.
   * @throws {HeadwaterError} `live-id` where a stream of this id is live, `bad-id` where it was used or is no id, `bad-source` for a content type that is none, `busy`, `closed`
   */
  start<T extends string = 'text/plain'>(options?: ServerStartOptions<T>): Promise<ServerSink<T>>
  /** Starts a stream and writes all of `readable` to it. Resolves once it is started; it ends as the source does. A cancel cancels the source. */
  pipeFrom<T extends string = 'text/plain'>(
    readable: ReadableStream<ChunkOf<T>>,
    options?: ServerStartOptions<T>,
  ): Promise<ServerSink<T>>
  /**
   * Reads on the server what a client writes, through whichever server of the store.
   * @throws {HeadwaterError} `bad-id`, also where the stream has another content type; `bad-source`, `busy`, `closed`
   */
  openInbound<T extends string = 'application/octet-stream'>(options?: InboundOptions<T>): Promise<InboundReader<T>>
  /**
   * Writes a named event to the channel's log of events, as `publish` over `/v1/ws` does (PROTOCOL.md 4.5). Resolves once it is stored.
   * @param event 1 to 256 characters
   * @param data what JSON takes, up to 64 Ki characters. Default: `null`.
   * @throws {HeadwaterError} `bad-message`; `too-large` where the log of events is full, `busy` where there may be no more streams
   */
  publish(event: string, data?: unknown): Promise<void>
}

const TEXT = 'text/plain; charset=utf-8'
const BYTES = 'application/octet-stream'
/** In seconds: the timers of a hidden page may sleep for a minute, and there is a time of grace after it. */
const LEASE_SECONDS = 60

/** @throws {HeadwaterError} `bad-name` */
export function serverChannel(context: ServerContext, writers: Writers, channel: string): ServerChannel {
  const name = checkChannelName(channel)
  const start = async <T extends string>(options: ServerStartOptions<T> = {}): Promise<ServerSink<T>> => {
    const id = idOf(options.id)
    const contentType = contentTypeOf(options.contentType ?? TEXT)
    const { ttlSeconds = null } = options
    if (ttlSeconds !== null && !(Number.isSafeInteger(ttlSeconds) && ttlSeconds > 0)) {
      throw new HeadwaterError('bad-source', 'ttlSeconds must be a whole number of seconds, at least 1.', ttlSeconds)
    }
    await checkSpace(context, { channel: name, run: id })
    const opened = await writers.open({ channel: name, run: id }, { contentType, chat: false, ttlSeconds })
    if (opened.kind === 'taken') throw takenId(id, opened.info)
    return new LogSink(opened.log, contentType as T)
  }
  return {
    name,
    start,
    async pipeFrom(readable, options) {
      const sink = await start(options)
      // How the pipe ends is how the stream does.
      readable.pipeTo(sink.writable).catch(() => undefined)
      return sink
    },
    async publish(event, data = null) {
      try {
        await publishEvent(context, { channel: name, event, data })
      } catch (error) {
        throw ofRefusal(error, event)
      }
    },
    async openInbound(options = {}) {
      if (context.shutdown.isOver) throw new HeadwaterError('closed', 'This server is closing. Try again soon.')
      const id = idOf(options.id)
      const contentType = contentTypeOf(options.contentType ?? BYTES)
      const source = { channel: name, run: id }
      const { leaseSeconds = LEASE_SECONDS } = options
      await checkSpace(context, source)
      const created = await context.store.create(source, { contentType, leaseSeconds })
      const found =
        created.kind === 'created' || created.kind === 'exists' || created.kind === 'conflict' ? created.info : null
      if (found === null) throw takenId(id, null)
      if (mediaType(found.contentType) !== mediaType(contentType)) {
        const message = `The stream "${id}" is ${found.contentType}, not ${contentType}. Open it as what it is.`
        throw new HeadwaterError('bad-id', message, id)
      }
      return new LogInbound({ context, writers, name: source, contentType })
    },
  }
}

/** @throws {HeadwaterError} `busy` */
async function checkSpace(context: ServerContext, name: StreamName): Promise<void> {
  await checkRoom(context, name).catch((error: unknown) => {
    throw ofRefusal(error)
  })
}

/** What a client would be answered, for this process. @param about what was refused */
function ofRefusal(error: unknown, about?: string): unknown {
  if (!(error instanceof Refusal)) return error
  switch (error.code) {
    case 'stream-full':
      return new HeadwaterError('too-large', error.message)
    case 'too-many-streams':
      return new HeadwaterError('busy', error.message)
    default:
      return new HeadwaterError('bad-message', error.message, about)
  }
}

function idOf(id: string | undefined): string {
  return id === undefined ? nanoid() : checkStreamId(id)
}

function contentTypeOf(contentType: string): string {
  if (isContentType(contentType)) return contentType
  throw new HeadwaterError('bad-source', 'contentType must be a media type such as text/plain.', contentType)
}

function takenId(id: string, info: StreamInfo | null): HeadwaterError {
  return info?.ending === null
    ? new HeadwaterError('live-id', `A stream "${id}" is live. Choose another id, or cancel it first.`, id)
    : new HeadwaterError('bad-id', `The id "${id}" was used. Choose another one, or delete the old stream first.`, id)
}
