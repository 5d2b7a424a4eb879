import type { StreamChange, StreamInfo, StreamStore } from '../stream-store.ts'
import type { Playlist } from './playlist.ts'

/** The runs of one channel, read once for all who want to know. */
class RunList {
  readonly listeners = new Set<() => void>()
  /** In order of creation; `null` where they have to be read again. */
  #runs: Promise<readonly StreamInfo[]> | null = null

  load(store: StreamStore, channel: string): Promise<readonly StreamInfo[]> {
    return (this.#runs ??= this.#read(store, channel))
  }

  async #read(store: StreamStore, channel: string): Promise<readonly StreamInfo[]> {
    return (await store.runs(channel)).toReversed()
  }

  /** `kind`: `missed` where any of them may have happened. */
  changed(kind: StreamChange['kind'] | 'missed'): void {
    if (kind === 'grown' || kind === 'ended') return
    this.#runs = null
    if (kind !== 'removed') for (const listener of [...this.listeners]) listener()
  }
}

/** The channels that some socket follows. */
export class ChannelRuns {
  readonly #store: StreamStore
  readonly #lists = new Map<string, RunList>()
  #leave: (() => void) | null = null

  constructor(store: StreamStore) {
    this.#store = store
  }

  playlist(channel: string): Playlist {
    const load = (): Promise<readonly StreamInfo[]> =>
      (this.#lists.get(channel) ?? new RunList()).load(this.#store, channel)
    return {
      newest: async () => (await load()).at(-1) ?? null,
      next: async (after) => (await load()).find(({ id }) => id > after) ?? null,
      watch: (listener) => this.#watch(channel, listener),
    }
  }

  #watch(channel: string, listener: () => void): () => void {
    const list = this.#lists.get(channel) ?? new RunList()
    this.#lists.set(channel, list)
    list.listeners.add(listener)
    this.#leave ??= this.#store.watchAll((change) => {
      if (change !== null) this.#lists.get(change.name.channel)?.changed(change.kind)
      else for (const each of [...this.#lists.values()]) each.changed('missed')
    })
    return () => {
      list.listeners.delete(listener)
      if (list.listeners.size > 0 || this.#lists.get(channel) !== list) return
      this.#lists.delete(channel)
      if (this.#lists.size > 0) return
      this.#leave?.()
      this.#leave = null
    }
  }
}
