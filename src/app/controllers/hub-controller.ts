import type { Hub, HubInfo, StreamInfo } from 'headwater'
import type { ReactiveController, ReactiveControllerHost } from 'lit'
import { onFrame } from '../lib/on-frame.ts'

/** The hub as the shell needs it: whether it is there, whether it stores, and which streams it knows. */
export class HubController implements ReactiveController {
  readonly #hub: () => Hub
  readonly #update: () => void
  #connected: AbortController | null = null
  #streams: readonly StreamInfo[] = []
  #failure: unknown = null

  /** @param hub - asked when the host is connected: properties are set by then */
  constructor(host: ReactiveControllerHost, hub: () => Hub) {
    this.#hub = hub
    this.#update = onFrame(() => host.requestUpdate())
    host.addController(this)
  }

  get info(): HubInfo | null {
    return this.#hub().info
  }

  /** Why there is no hub, once it is certain; else `null`. */
  get failure(): unknown {
    return this.#failure
  }

  /** All streams that this browser knows, oldest first. */
  get streams(): readonly StreamInfo[] {
    return this.#streams
  }

  hostConnected(): void {
    this.#connected = new AbortController()
    const { signal } = this.#connected
    const hub = this.#hub()
    hub.ready.then(
      () => this.#update(),
      (reason: unknown) => {
        this.#failure = reason
        this.#update()
      },
    )
    hub.watch(
      (streams) => {
        this.#streams = streams
        this.#failure = null
        this.#update()
      },
      { signal },
    )
  }

  hostDisconnected(): void {
    this.#connected?.abort()
  }
}
