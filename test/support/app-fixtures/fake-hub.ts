import type { Channel, Hub, HubInfo, State, StreamInfo } from 'headwater'
import { HeadwaterError } from 'headwater'
import { FakeStream } from './fake-stream.ts'

const IDLE: State = {
  streamId: null,
  seq: 0,
  status: 'idle',
  text: '',
  parts: [],
  loading: false,
  done: false,
  canResume: false,
  canRetry: false,
  error: null,
  failure: null,
  ending: null,
  gaps: [],
}

/** A hub in memory with the public face of the real one, for looking at screens. */
export class FakeHub {
  readonly streams_: FakeStream[] = []
  readonly #listeners = new Set<() => void>()
  info: HubInfo | null
  readonly ready: Promise<HubInfo>

  constructor({ durable = true, broken = false }: { durable?: boolean; broken?: boolean }) {
    const info: HubInfo = { tier: 'shared-worker', durable, bootId: 'fake', protocol: 1 }
    this.info = broken ? null : info
    this.ready = broken
      ? Promise.reject(new HeadwaterError('reload-needed', 'The hub of this release is gone. Reload the page.'))
      : Promise.resolve(info)
  }

  add(info: ConstructorParameters<typeof FakeStream>[0]): FakeStream {
    const stream = new FakeStream(info)
    stream.subscribe(() => this.#changed())
    this.streams_.push(stream)
    this.#changed()
    return stream
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener()
  }

  #of(channel: string): FakeStream[] {
    return this.streams_.filter(({ info }) => info.channel === channel)
  }

  /** The hub as the app sees it. */
  asHub(): Hub {
    const list = (): StreamInfo[] => this.streams_.map(({ info }) => info)
    return {
      ready: this.ready,
      info: this.info,
      channel: (name) => this.#channel(name),
      streams: () => Promise.resolve(list()),
      watch: (listener) => {
        const tell = (): void => listener(list())
        this.#listeners.add(tell)
        tell()
        return () => this.#listeners.delete(tell)
      },
      storage: () => Promise.resolve({ durable: true, usage: 0, quota: 0, streams: 0, limit: 0 }),
      persist: () => Promise.resolve(true),
      forget: () => Promise.resolve(),
      clear: () => Promise.resolve(),
      close: () => undefined,
    }
  }

  #channel(name: string): Channel {
    const newest = (): FakeStream | undefined => this.#of(name).at(-1)
    const verb = (change: Partial<StreamInfo>) => () => Promise.resolve(newest()?.set(change))
    const find = (id: string | undefined): FakeStream | undefined =>
      this.streams_.find(({ info }) => info.streamId === id)
    const face = {
      name,
      get state() {
        return newest()?.state ?? IDLE
      },
      subscribe: (listener: () => void) => {
        this.#listeners.add(listener)
        return () => this.#listeners.delete(listener)
      },
      send: (_: unknown, options?: { meta?: unknown }) => {
        const id = `sent-${this.streams_.length}`
        this.add({ streamId: id, channel: name, status: 'connecting', meta: options?.meta, createdAt: Date.now() })
        return Promise.resolve(id)
      },
      open: () => Promise.resolve(newest()?.info.streamId ?? 'none'),
      read: ({ streamId, signal }: { streamId?: string; signal?: AbortSignal } = {}) =>
        (find(streamId) ?? newest())?.read(signal),
      stop: verb({ status: 'stopped', canResume: true }),
      resume: verb({ status: 'streaming', canResume: false }),
      cancel: verb({ status: 'stopped', ending: { kind: 'cancelled' }, canRetry: true }),
      retry: () => Promise.resolve(newest()?.info.streamId ?? 'none'),
      history: () => Promise.resolve(this.#of(name).map(({ info }) => info)),
      stream: (streamId: string) => (find(streamId) ?? new FakeStream({ streamId, channel: name })).view(),
      close: () => undefined,
    }
    return face as unknown as Channel
  }
}
