import type { StreamInfo, StreamName, StreamStore } from '../stream-store.ts'

/** Streams that a subscription follows one after the other, in order of creation. */
export interface Playlist {
  /** Where a new subscription begins; `null` where there is none yet. */
  newest(): Promise<StreamInfo | null>
  /** The first one that is younger than the stream with this id. */
  next(after: number): Promise<StreamInfo | null>
  /** Calls where there may be a younger one. Returns the way to stop it. */
  watch(listener: () => void): () => void
}

/** The log of a channel's events: one stream, unless it expired and was made anew. */
export function eventsPlaylist(store: StreamStore, name: StreamName): Playlist {
  const find = async (): Promise<StreamInfo | null> => {
    const info = await store.info(name)
    return typeof info === 'string' ? null : info
  }
  return {
    newest: find,
    async next(after) {
      const info = await find()
      return info !== null && info.id > after ? info : null
    },
    watch: (listener) => store.watch(name, (change) => (change === null || change.kind === 'created') && listener()),
  }
}
