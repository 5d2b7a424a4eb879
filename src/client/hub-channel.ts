import { nanoid } from 'nanoid'
import { HeadwaterError } from '../protocol/errors.ts'
import type { HistoryOptions, StartStream } from '../protocol/hub-port.ts'
import { checkChannelName, checkStreamId } from '../protocol/names.ts'
import type { StreamInfo, StreamSnapshot } from '../protocol/snapshot.ts'
import type { Source } from '../protocol/source.ts'
import type { State } from '../protocol/state.ts'
import type {
  Channel,
  ChannelEvent,
  ChannelOptions,
  Reader,
  ReadOptions,
  SendOptions,
  Sink,
  StartOptions,
  StreamView,
} from './api.ts'
import type { ChannelEvents } from './channel-events.ts'
import type { Connection } from './connection.ts'
import { encodeBody } from './encode-body.ts'
import { loadPart, subscribeLate } from './load-part.ts'
import { PageReader } from './page-reader.ts'
import { PageSink } from './page-sink.ts'
import { FIELDS, View } from './view.ts'

/** Largest `meta`, in characters of its JSON: it is copied into every snapshot. */
const MAX_META = 64 * 1024

/** @throws {HeadwaterError} `bad-meta` */
function checkMeta(meta: unknown): void {
  const bad = (what: string): HeadwaterError => new HeadwaterError('bad-meta', `meta must be ${what}.`)
  let size: number
  try {
    size = (JSON.stringify(structuredClone(meta)) ?? '').length
  } catch {
    throw bad('plain data')
  }
  if (size > MAX_META) throw bad(`at most ${MAX_META} characters as JSON`)
}

/** What a channel needs of its page. */
export interface ChannelHost {
  readonly connection: Connection
  readonly givesHeaders: boolean
  /** Keeps headers that must not be stored, to give them to a later hub. */
  keepSecrets(streamId: string, secrets: readonly (readonly [string, string])[]): void
  /** What was kept of a stream, if anything. */
  secretsOf(streamId: string): readonly (readonly [string, string])[] | undefined
}

// The fields of State are getters on the channel too; they are defined below, in one loop.
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- the loop at the end of this file fulfils the interface
export interface HubChannel extends Readonly<State> {}

/** A channel in this page: a view of its newest stream, and the verbs. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- as above
export class HubChannel implements Channel {
  readonly name: string
  readonly #host: ChannelHost
  readonly #options: ChannelOptions
  readonly #view: View
  #events: Promise<ChannelEvents> | null = null

  constructor(host: ChannelHost, name: string, options: ChannelOptions) {
    this.name = checkChannelName(name)
    this.#host = host
    this.#options = options
    this.#view = new View(host.connection, name, null, this.#dialect)
  }

  get #dialect(): Exclude<ChannelOptions['dialect'], string> {
    return typeof this.#options.dialect === 'string' ? undefined : this.#options.dialect
  }

  get state(): State {
    return this.#view.state
  }

  subscribe(listener: () => void, options?: { signal?: AbortSignal }): () => void {
    return this.#view.subscribe(listener, options)
  }

  async send(source: Source | string, options: SendOptions = {}): Promise<string> {
    return this.#start(source, options, 'replace')
  }

  async open(source: Source | string, options: SendOptions = {}): Promise<string> {
    return this.#start(source, options, 'join')
  }

  read(options: ReadOptions = {}): Reader {
    if (options.streamId !== undefined) checkStreamId(options.streamId)
    return new PageReader(this.#host.connection, this.name, options)
  }

  stop(): Promise<void> {
    return this.#view.stop()
  }

  resume(): Promise<void> {
    return this.#view.resume()
  }

  cancel(reason?: string): Promise<void> {
    return this.#view.cancel(reason)
  }

  async retry(): Promise<string> {
    const retryOf = await this.#view.current()
    const secrets = this.#host.secretsOf(retryOf)
    return this.#request(
      {
        streamId: nanoid(),
        channel: this.name,
        source: null,
        ...(secrets && { secrets }),
        mode: { retryOf },
      },
      true,
    )
  }

  start(options?: StartOptions): Sink {
    return this.#produce(options)
  }

  async pipeFrom(readable: ReadableStream<string | Uint8Array>, options?: StartOptions): Promise<Sink> {
    const sink = this.#produce(options)
    // How the pipe ends is how the stream does.
    readable.pipeTo(sink.writable).catch(() => undefined)
    await sink.started
    return sink
  }

  async publish(event: string, data?: unknown): Promise<void> {
    await (await this.#loadEvents()).publish(event, data)
  }

  on(event: string, listener: (event: ChannelEvent) => void, { signal }: { signal?: AbortSignal } = {}): () => void {
    return subscribeLate(this.#loadEvents(), (events) => events.on(event, listener, signal))
  }

  #loadEvents(): Promise<ChannelEvents> {
    return (this.#events ??= loadPart(() => import('./channel-events.ts')).then(
      ({ ChannelEvents: EventsOf }) => new EventsOf(this.#host.connection, this.name, this.#view),
    ))
  }

  history(options?: HistoryOptions): Promise<readonly StreamInfo[]> {
    return this.#host.connection.call((hub) => hub.streams(this.name, options))
  }

  stream(streamId: string): StreamView {
    return new View(this.#host.connection, this.name, checkStreamId(streamId), this.#dialect)
  }

  close(): void {
    this.#view.close()
    this.#events?.then((events) => events.close()).catch(() => undefined)
  }

  async #start(given: Source | string, options: SendOptions, mode: 'replace' | 'join'): Promise<string> {
    const stream = this.#newStream(options)
    // As it is now: what it becomes while a part is loaded is not what was sent.
    const asked: Source = typeof given === 'string' ? { url: given } : { ...given }
    const body = encodeBody(asked.body)
    const { storedSource } = await loadPart(() => import('./stored-source.ts'))
    const stored = storedSource(asked, body, this.#options, this.#host.givesHeaders)
    const { whenOffline } = options
    return this.#request(
      {
        ...stream,
        ...stored,
        ...(whenOffline && { whenOffline }),
        mode,
      },
      !stored.source.idempotent,
    )
  }

  #produce({ to, ...options }: StartOptions = {}): PageSink {
    const stream = this.#newStream(options)
    const { dialect } = this.#options
    const name = typeof dialect === 'string' ? dialect : dialect?.name
    const start = async (producer: string): Promise<string> => {
      const target =
        to !== undefined &&
        (await loadPart(() => import('./upload-target.ts'))).uploadTarget(to, this.#host.givesHeaders)
      const mode = { produce: producer }
      return this.#request({ ...stream, source: null, ...(name && { dialect: name }), ...target, mode })
    }
    return new PageSink(this.#host.connection, stream, start, to)
  }

  /** What every new stream has. */
  #newStream({ id, meta }: SendOptions): Pick<StartStream, 'streamId' | 'channel' | 'meta'> {
    const streamId = id === undefined ? nanoid() : checkStreamId(id)
    checkMeta(meta)
    return { streamId, channel: this.name, ...(meta !== undefined && { meta }) }
  }

  /** @param once its upstream must not be asked twice */
  async #request(start: StartStream, once = false): Promise<string> {
    const { retention, unwatched } = this.#options
    if (start.secrets) this.#host.keepSecrets(start.streamId, start.secrets)
    const request = { ...start, retention, ...(typeof unwatched === 'number' && { unwatched }) }
    const snapshot: StreamSnapshot = await this.#host.connection.call((hub) => hub.start(request), once)
    this.#view.learn(snapshot)
    if (start.whenOffline || snapshot.status === 'queued') {
      import('./register-sync.ts').then(
        ({ syncWhenQueued }) => syncWhenQueued(this.#view, snapshot.streamId),
        () => undefined,
      )
    }
    return snapshot.streamId
  }
}

for (const field of FIELDS) {
  Object.defineProperty(HubChannel.prototype, field, {
    get(this: HubChannel) {
      return this.state[field]
    },
  })
}
