import type { StreamInfo } from '../protocol/snapshot.ts'
import type { Connection } from './connection.ts'

/** Every stream that the hub knows, kept up to date for as long as somebody listens. */
export class StreamWatch {
  readonly #connection: Connection
  readonly #listeners = new Set<(streams: readonly StreamInfo[]) => void>()
  #streams: Map<string, StreamInfo> | null = null
  /** What was told while the list was under way, which may be older. */
  #told: Map<string, StreamInfo | null> | null = null

  constructor(connection: Connection) {
    this.#connection = connection
    connection.watcher = {
      connected: () => void this.#load(),
      changed: (streamId, info) => {
        this.#told?.set(streamId, info)
        if (info) this.#streams?.set(streamId, info)
        else this.#streams?.delete(streamId)
        this.#tell()
      },
    }
  }

  add(listener: (streams: readonly StreamInfo[]) => void, { signal }: { signal?: AbortSignal } = {}): () => void {
    const own = (streams: readonly StreamInfo[]): void => listener(streams)
    const off = (): void => {
      this.#listeners.delete(own)
      if (this.#listeners.size > 0) return
      this.#streams = null
      this.#connection.call((hub) => hub.watch(false)).catch(() => undefined)
    }
    if (signal?.aborted) return off
    signal?.addEventListener('abort', off, { once: true })
    this.#listeners.add(own)
    if (this.#streams) own(this.#sorted(this.#streams))
    else void this.#load()
    return off
  }

  async #load(): Promise<void> {
    if (this.#listeners.size === 0) return
    try {
      // Watching first: a change between the two is told, not lost.
      await this.#connection.call((hub) => hub.watch(true))
      const told = new Map<string, StreamInfo | null>()
      this.#told = told
      const list = await this.#connection.call((hub) => hub.streams())
      // A later load has begun, or nobody listens any more.
      if (this.#told !== told || this.#listeners.size === 0) return
      this.#told = null
      const streams = new Map(list.map((info) => [info.streamId, info]))
      for (const [streamId, info] of told) {
        if (info === null) streams.delete(streamId)
        else if (info.version >= (streams.get(streamId)?.version ?? 0)) streams.set(streamId, info)
      }
      this.#streams = streams
      this.#tell()
    } catch {
      // No hub now: loaded when there is one.
    }
  }

  #sorted(streams: ReadonlyMap<string, StreamInfo>): StreamInfo[] {
    return [...streams.values()].sort((a, b) => a.createdAt - b.createdAt)
  }

  #tell(): void {
    if (!this.#streams) return
    const streams = this.#sorted(this.#streams)
    for (const listener of [...this.#listeners]) listener(streams)
  }
}
