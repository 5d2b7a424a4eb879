import type { StreamInfo, StreamStore } from '../stream-store.ts'
import { KeptPages } from './kept-pages.ts'
import { SharedStream } from './shared-stream.ts'

interface Used {
  readonly stream: SharedStream
  users: number
}

/** A stream in use. */
export interface Lease {
  readonly stream: SharedStream
  end(): void
}

/** The streams that some socket follows, each of them once. */
export class SharedStreams {
  readonly #store: StreamStore
  readonly #onError: (error: unknown) => void
  readonly #kept: KeptPages
  /** By the id of the stream, which no other ever has. */
  readonly #used = new Map<number, Used>()

  /** @param maxBytes of the pages that are kept, of all streams together */
  constructor(store: StreamStore, maxBytes: number, onError: (error: unknown) => void) {
    this.#store = store
    this.#onError = onError
    this.#kept = new KeptPages(maxBytes)
  }

  /** Bytes of the pages that are kept. */
  get keptBytes(): number {
    return this.#kept.bytes
  }

  use(info: StreamInfo): Lease {
    const used = this.#used.get(info.id) ?? { stream: this.#open(info), users: 0 }
    this.#used.set(info.id, used)
    used.users += 1
    return {
      stream: used.stream,
      end: () => {
        used.users -= 1
        if (used.users > 0) return
        this.#used.delete(info.id)
        used.stream.close()
      },
    }
  }

  #open(info: StreamInfo): SharedStream {
    return new SharedStream(this.#store, this.#kept, info, this.#onError)
  }

  /** Resolves once what is being read has been given out. */
  async settled(): Promise<void> {
    await Promise.all([...this.#used.values()].map(({ stream }) => stream.settled()))
  }
}
