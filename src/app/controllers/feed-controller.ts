import type { Channel, HeadwaterError, Hub, State } from 'headwater'
import type { ReactiveController, ReactiveControllerHost } from 'lit'
import { onFrame } from '../lib/on-frame.ts'
import { ListedChannels } from '../lib/listed-channels.ts'
import { fetchChannels } from '../lib/server-api.ts'
import type { ServerChannels } from '../lib/server-channels.ts'

const FEED = { url: '/v1/channels?live=sse', format: 'sse' } as const

/** Wait before a feed that failed is opened again, in milliseconds. The hub has its own, shorter ones for lost connections. */
const AGAIN_MS = 5000

/** What a view says where its page has no hub, and finds none by itself. */
const NO_HUB: ReadonlySet<string> = new Set(['worker-failed', 'reload-needed', 'incompatible'])

/** Whether the server answers. `unknown` until something was heard of it. */
export type ServerReach = 'unknown' | 'reachable' | 'unreachable'

/**
 * The server's channels, as a stream of the hub's: so eight tabs cost one connection, and the list is there offline. What the connection of
 * this stream says also tells whether the server can be reached.
 */
export class FeedController implements ReactiveController {
  readonly #hub: () => Hub
  readonly #update: () => void
  #connected: AbortController | null = null
  #channel: Channel | null = null
  readonly #listed = new ListedChannels()
  #loaded = false

  constructor(host: ReactiveControllerHost, hub: () => Hub) {
    this.#hub = hub
    this.#update = onFrame(() => host.requestUpdate())
    host.addController(this)
  }

  get channels(): ServerChannels {
    return this.#listed.channels
  }

  /** Whether a first answer of the server, now or stored, was seen. */
  get loaded(): boolean {
    return this.#loaded
  }

  /** State of the feed's own stream. */
  get state(): State | null {
    return this.#channel?.state ?? null
  }

  /** Why this page, which had a hub, has none any more; else `null`. */
  get hubFailure(): HeadwaterError | null {
    const failure = this.state?.failure ?? null
    return failure !== null && NO_HUB.has(failure.code) ? failure : null
  }

  get reach(): ServerReach {
    switch (this.state?.status) {
      case 'streaming':
      case 'done':
        return 'reachable'
      case 'reconnecting':
      case 'disconnected':
      case 'error':
        return 'unreachable'
      default:
        return 'unknown'
    }
  }

  hostConnected(): void {
    this.#connected = new AbortController()
    const { signal } = this.#connected
    const channel = this.#hub().channel('headwater:channels', { retention: { count: 2 } })
    this.#channel = channel
    channel.subscribe(this.#update, { signal })
    void this.#follow(channel, signal)
  }

  hostDisconnected(): void {
    this.#connected?.abort()
    this.#channel?.close()
  }

  async #follow(channel: Channel, signal: AbortSignal): Promise<void> {
    // A feed that ended is renewed, and one that ended without a word renewed slowly.
    let renew = false
    while (!signal.aborted) {
      try {
        const streamId = renew ? await channel.retry() : await channel.open(FEED)
        const heard = await this.#read(channel, streamId, signal)
        if (signal.aborted) return
        if (!heard) await pause(signal)
        renew = true
      } catch {
        // Never in a tight loop. A feed that failed for good would be joined again for ever; one that was deleted under us, or lost with
        // its hub, is looked for anew.
        renew = !renew && channel.state.ending !== null
        await pause(signal)
      }
    }
  }

  /** Reads one stream of the feed to its end. Answers whether it said anything. */
  async #read(channel: Channel, streamId: string, signal: AbortSignal): Promise<boolean> {
    let heard = false
    // A gap only means that a later snapshot will correct the list.
    for await (const chunk of channel.read({ streamId, from: 'start', signal, onGap: () => undefined })) {
      if (typeof chunk.data !== 'string') continue
      if (chunk.event === 'snapshot') {
        if (!heard) void this.#forgetOlder(channel, streamId)
        heard = true
        this.#loaded = true
      }
      if (this.#listed.apply(chunk.event, chunk.data)) this.#update()
      if (chunk.event === 'snapshot') void this.#readOlder(signal)
    }
    return heard
  }

  async #readOlder(signal: AbortSignal): Promise<void> {
    try {
      await this.#listed.readOlder((before) => fetchChannels(before, signal), this.#update)
    } catch {
      // Offline, or the page is closing: the next snapshot asks again, and what was known stays.
    }
  }

  /** Feeds before this one say nothing any more. */
  async #forgetOlder(channel: Channel, streamId: string): Promise<void> {
    try {
      const history = await channel.history()
      const at = history.findIndex((stream) => stream.streamId === streamId)
      await Promise.all(history.slice(0, Math.max(0, at)).map(({ streamId }) => this.#hub().forget({ streamId })))
    } catch {
      // Another tab was faster, or the hub is busy dying: the next renewal cleans up.
    }
  }
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      resolve()
    }
    const timer = setTimeout(done, AGAIN_MS)
    signal.addEventListener('abort', done, { once: true })
  })
}
