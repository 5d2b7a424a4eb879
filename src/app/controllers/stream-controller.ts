import type { Channel, State, StreamView } from 'headwater'
import type { ReactiveController, ReactiveControllerHost } from 'lit'
import { onFrame } from '../lib/on-frame.ts'

/** The state of one stream of a channel, for a host that shows it. */
export class StreamController implements ReactiveController {
  readonly #update: () => void
  #view: StreamView | null = null
  #streamId: string | null = null

  constructor(host: ReactiveControllerHost) {
    this.#update = onFrame(() => host.requestUpdate())
    host.addController(this)
  }

  get streamId(): string | null {
    return this.#streamId
  }

  /** `null` while none is followed. */
  get view(): StreamView | null {
    return this.#view
  }

  get state(): State | null {
    return this.#view?.state ?? null
  }

  /** Follows this stream from now on; `null` follows none. */
  follow(channel: Channel | null, streamId: string | null): void {
    if (streamId === this.#streamId) return
    this.#view?.close()
    this.#view = null
    this.#streamId = streamId
    if (channel && streamId !== null) {
      this.#view = channel.stream(streamId)
      this.#view.subscribe(this.#update)
    }
    this.#update()
  }

  hostDisconnected(): void {
    this.follow(null, null)
  }
}
