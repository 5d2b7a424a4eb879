import type { Channel, Hub } from 'headwater'
import type { ReactiveController, ReactiveControllerHost } from 'lit'
import { allStreams } from '../lib/all-streams.ts'
import { isStreamOfRun } from '../lib/channel-list.ts'
import { errorText } from '../lib/error-text.ts'

/** Channel for runs that are not the newest of theirs: opened in their own channel they would become its newest stream, and take the verbs. */
const EARLIER = 'headwater:earlier'

/** What a log view shows: a stream, and the channel that it is read through. */
export interface OpenRun {
  channel: Channel
  streamId: string
}

/** Finds or opens the stream of a run. A run is opened once, by whichever tab comes first; the hub joins the others. */
export class RunController implements ReactiveController {
  readonly #host: ReactiveControllerHost
  readonly #hub: () => Hub
  #key: string | null = null
  #earlier: Channel | null = null
  #open: OpenRun | null = null
  #error: string | null = null

  constructor(host: ReactiveControllerHost, hub: () => Hub) {
    this.#host = host
    this.#hub = hub
    host.addController(this)
  }

  /** `null` while nothing is open. While a newer run is being opened, the run before it stays. */
  get open(): OpenRun | null {
    return this.#open
  }

  get error(): string | null {
    return this.#error
  }

  /**
   * Shows a run.
   * @param url - its address on the server; `null` shows the newest stream that this browser has
   * @param newest - whether it is the channel's newest run
   */
  show(channel: Channel, url: string | null, newest: boolean): void {
    const key = `${channel.name} ${url ?? ''} ${newest}`
    if (key === this.#key) return
    if (this.#open && this.#open.channel.name !== channel.name && this.#open.channel !== this.#earlier)
      this.#open = null
    this.#key = key
    this.#error = null
    void this.#find(key, channel, url, newest)
  }

  /** The channel's newest stream was replaced by a new attempt. */
  replace(streamId: string): void {
    if (this.#open) this.#open = { channel: this.#open.channel, streamId }
    this.#host.requestUpdate()
  }

  hostDisconnected(): void {
    this.#earlier?.close()
    this.#earlier = null
    this.#open = null
    this.#key = null
  }

  async #find(key: string, channel: Channel, url: string | null, newest: boolean): Promise<void> {
    try {
      const found = url === null ? await this.#newestStored(channel) : await this.#join(channel, url, newest)
      if (key !== this.#key) return
      this.#open = found
    } catch (thrown) {
      if (key !== this.#key) return
      this.#error = errorText(thrown)
    }
    this.#host.requestUpdate()
  }

  async #newestStored(channel: Channel): Promise<OpenRun | null> {
    const newest = (await channel.history({ limit: 1 })).at(-1)
    return newest ? { channel, streamId: newest.streamId } : null
  }

  async #join(channel: Channel, url: string, newest: boolean): Promise<OpenRun> {
    // What this browser already has of that run is the same stream, and is there without the server.
    const stored = (await allStreams(channel)).findLast((stream) => isStreamOfRun(stream, { url }))
    if (stored) return { channel, streamId: stored.streamId }
    const source = { url, format: 'durable-stream' } as const
    if (newest) {
      const run = url.slice(url.lastIndexOf('/') + 1)
      const cancel = `/v1/channels/${encodeURIComponent(channel.name)}/cancel?run=${run}`
      return { channel, streamId: await channel.open({ ...source, cancel }) }
    }
    this.#earlier ??= this.#hub().channel(EARLIER)
    return { channel: this.#earlier, streamId: await this.#earlier.open(source) }
  }
}
