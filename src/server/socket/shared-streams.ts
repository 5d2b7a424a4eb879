import type { StreamInfo, StreamStore } from '../stream-store.ts'
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
  /** By the id of the stream, which no other ever has. */
  readonly #used = new Map<number, Used>()

  constructor(store: StreamStore, onError: (error: unknown) => void) {
    this.#store = store
    this.#onError = onError
  }

  use(info: StreamInfo): Lease {
    const used = this.#used.get(info.id) ?? { stream: new SharedStream(this.#store, info, this.#onError), users: 0 }
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

  /** Resolves once what is being read has been given out. */
  async settled(): Promise<void> {
    await Promise.all([...this.#used.values()].map(({ stream }) => stream.settled()))
  }
}
