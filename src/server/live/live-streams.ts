import type { BodySink, LiveBody } from '../plain-answer.ts'
import type { Place, StreamName } from '../stream-store.ts'
import { LiveStream } from './live-stream.ts'
import type { LiveSettings } from './live-settings.ts'
import type { PageEncoder } from './page-encoder.ts'

/** The streams that are read live, each for as long as it is. */
export class LiveStreams {
  readonly #settings: LiveSettings
  readonly #open = new Map<string, LiveStream>()

  constructor(settings: LiveSettings) {
    this.#settings = settings
  }

  /** A body that follows a stream from a place on. */
  open(sink: BodySink, name: StreamName, encoder: PageEncoder, from: Place, cursor: string | null): LiveBody {
    const key = JSON.stringify([name.channel, name.run, encoder.key])
    let stream = this.#open.get(key)
    if (stream === undefined) {
      stream = new LiveStream(this.#settings, name, encoder, () => this.#open.delete(key))
      this.#open.set(key, stream)
    }
    return stream.open(sink, from, cursor)
  }

  /** The server closes. */
  finish(): void {
    for (const stream of [...this.#open.values()]) stream.finish()
  }
}
