import type { StreamChange, StreamInfo, StreamStore } from '../stream-store.ts'
import type { Playlist } from './playlist.ts'

/** The runs of one channel, read once for all who want to know. */
class RunList {
  readonly listeners = new Set<() => void>()
  /** In order of creation; `null` where they have to be read again. */
  #runs: Promise<readonly StreamInfo[]> | null = null
  #known: ReadonlySet<string> | null = null

  load(store: StreamStore, channel: string): Promise<readonly StreamInfo[]> {
    return (this.#runs ??= this.#read(store, channel))
  }

  async #read(store: StreamStore, channel: string): Promise<readonly StreamInfo[]> {
    const runs = (await store.runs(channel)).toReversed()
    this.#known = new Set(runs.map(({ name }) => name.run))
    return runs
  }

  changed({ kind, name }: StreamChange): void {
    // A run of which one only hears that it grew: its creation was missed while a shared store could not be reached.
    const isNew = kind === 'created' || (kind !== 'removed' && this.#known?.has(name.run) === false)
    if (!isNew && kind !== 'removed') return
    this.#runs = null
    this.#known = null
    if (isNew) for (const listener of [...this.listeners]) listener()
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
    this.#leave ??= this.#store.watchAll((change) => this.#lists.get(change.name.channel)?.changed(change))
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
