import type { CredentialsRequest, Forget, StorageUse } from '../protocol/hub-port.ts'
import type { StreamInfo } from '../protocol/snapshot.ts'
import type { Channel, ChannelOptions, ConnectOptions, Hub, HubInfo } from './api.ts'
import { Connection } from './connection.ts'
import { HubChannel, type ChannelHost } from './hub-channel.ts'
import { loadPart, subscribeLate } from './load-part.ts'
import { followPageLifecycle } from './page-lifecycle.ts'
import { startHub } from './start-hub.ts'
import type { StreamWatch } from './stream-watch.ts'

type Secrets = readonly (readonly [string, string])[]

const visible = (): boolean => !document.hidden

class PageHub implements Hub, ChannelHost {
  readonly connection: Connection
  readonly givesHeaders: boolean
  readonly #secrets = new Map<string, Secrets>()
  readonly #channels = new Map<string, HubChannel>()
  #watch: Promise<StreamWatch> | null = null
  readonly #stopLifecycle: () => void

  constructor(options: ConnectOptions) {
    const { headers, notify, storageLimit, signal } = options
    this.givesHeaders = headers !== undefined
    this.connection = new Connection({
      start: (clientId) => startHub(clientId, options),
      locks: navigator.locks as LockManager | undefined,
      // A page that sent a stream with secret headers can give them again.
      givesHeaders: true,
      headers: (request) => this.#headers(request, headers),
      told: { ...(notify && { notify }), ...(storageLimit !== undefined && { storageLimit }) },
      visible,
      whenStuck: async (ping, signal) => (await import('./stuck-hub.ts')).whenStuck(ping, visible, signal),
    })
    this.#stopLifecycle = followPageLifecycle(this.connection)
    if (signal?.aborted) this.close()
    else signal?.addEventListener('abort', () => this.close(), { once: true })
  }

  get info(): HubInfo | null {
    return this.connection.info
  }

  get ready(): Promise<HubInfo> {
    return this.connection.connected().then(({ info }) => info)
  }

  async #headers(request: CredentialsRequest, given: ConnectOptions['headers']): Promise<Secrets | null> {
    const own = this.#secrets.get(request.streamId)
    const asked = await given?.(request)
    if (!own && !asked) return null
    const all = new Headers(own?.map(([name, value]): [string, string] => [name, value]))
    new Headers(asked ?? undefined).forEach((value, name) => all.set(name, value))
    return [...all]
  }

  keepSecrets(streamId: string, secrets: Secrets): void {
    this.#secrets.set(streamId, secrets)
  }

  secretsOf(streamId: string): Secrets | undefined {
    return this.#secrets.get(streamId)
  }

  channel(name: string, options: ChannelOptions = {}): Channel {
    let channel = this.#channels.get(name)
    if (channel === undefined) {
      channel = new HubChannel(this, name, options)
      this.#channels.set(name, channel)
      const { close } = channel
      channel.close = () => {
        this.#channels.delete(name)
        close.call(channel)
      }
    }
    return channel
  }

  streams(): Promise<readonly StreamInfo[]> {
    return this.connection.call((hub) => hub.streams())
  }

  watch(listener: (streams: readonly StreamInfo[]) => void, options?: { signal?: AbortSignal }): () => void {
    this.#watch ??= loadPart(() => import('./stream-watch.ts')).then(
      ({ StreamWatch: WatchOf }) => new WatchOf(this.connection),
    )
    return subscribeLate(this.#watch, (watch) => watch.add(listener, options))
  }

  storage(): Promise<StorageUse> {
    return this.connection.call((hub) => hub.storage())
  }

  persist(): Promise<boolean> {
    // Workers cannot ask.
    return navigator.storage.persist()
  }

  async forget(what: Forget): Promise<void> {
    if ('streamId' in what) this.#secrets.delete(what.streamId)
    await this.connection.call((hub) => hub.forget(what))
  }

  async clear(): Promise<void> {
    this.#secrets.clear()
    await this.connection.call((hub) => hub.clear())
  }

  close(): void {
    this.#stopLifecycle()
    this.connection.close()
    if (theHub === this) theHub = null
  }
}

let theHub: PageHub | null = null

/**
 * This page's hub: the same one however often it is called. Answers at once; what is asked waits for the connection. Options count in the
 * first call only.
 */
export function connectHub(options: ConnectOptions = {}): Hub {
  return (theHub ??= new PageHub(options))
}
