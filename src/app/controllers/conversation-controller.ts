import type { Channel, State, StreamView } from 'headwater'
import type { ReactiveController, ReactiveControllerHost } from 'lit'
import { nanoid } from 'nanoid'
import { allStreams } from '../lib/all-streams.ts'
import { exchangesOf, isRead, toUiMessages } from '../lib/conversation.ts'
import type { Exchange } from '../lib/conversation.ts'
import { onFrame } from '../lib/on-frame.ts'
import type { ServerRun } from '../lib/server-channels.ts'

/** One turn as it is shown. */
export interface Turn {
  exchange: Exchange
  state: State
  view: StreamView
}

/**
 * A conversation: the channel's history, each stream as a view of its own. A stream that is live and one that has ended are shown from the
 * same view, so an answer that ends does not change hands and cannot flicker or appear twice.
 */
export class ConversationController implements ReactiveController {
  readonly #update: () => void
  #channel: Channel | null = null
  #leaving: AbortController | null = null
  #exchanges: Exchange[] = []
  readonly #views = new Map<string, StreamView>()
  #newestId: string | null = null
  #loaded = false
  #joined: string | null = null

  constructor(host: ReactiveControllerHost) {
    this.#update = onFrame(() => host.requestUpdate())
    host.addController(this)
  }

  /** Whether the history was read. */
  get loaded(): boolean {
    return this.#loaded
  }

  /** Whether all that was said is here. A message that is sent before that goes out without it. */
  get complete(): boolean {
    return this.#loaded && this.turns.every(({ exchange, state }) => isRead(exchange, state))
  }

  get turns(): Turn[] {
    return this.#exchanges.flatMap((exchange) => {
      const view = this.#views.get(exchange.streamId)
      return view ? [{ exchange, state: view.state, view }] : []
    })
  }

  /** Shows this channel's conversation from now on. */
  follow(channel: Channel): void {
    if (channel === this.#channel) return
    this.#leave()
    this.#channel = channel
    this.#leaving = new AbortController()
    channel.subscribe(() => this.#onChange(), { signal: this.#leaving.signal })
    void this.#refresh()
  }

  /**
   * Sends a message with all that was said before, once that is {@link complete}. Where the server cannot be reached it is queued, after what is queued already.
   * @throws {HeadwaterError} where the hub refuses it
   */
  async send(text: string, model: string | null): Promise<void> {
    const channel = this.#channel
    if (!channel) return
    const user = { id: nanoid(), text }
    const turns = this.turns.map(({ exchange, state }) => ({ exchange, parts: state.parts }))
    const messages = toUiMessages(turns, user)
    const body = { id: channel.name, messages, ...(model !== null && { model }) }
    const meta = { user, answerId: nanoid() }
    await channel.send({ url: '/v1/chat', method: 'POST', body }, { meta, whenOffline: 'queue' })
    await this.#refresh()
  }

  /**
   * Shows a run that was asked for in another browser: of its conversation the server has the answers.
   * Does nothing where this browser has turns of its own.
   */
  async join(run: Pick<ServerRun, 'run'>): Promise<void> {
    const channel = this.#channel
    if (!channel || this.#joined === run.run) return
    this.#joined = run.run
    // Asked anew: a message sent here a moment ago is stored before the server knows of it.
    const history = await channel.history({ limit: 1 })
    if (history.length > 0 || channel !== this.#channel) return
    const chat = `/v1/chat/${encodeURIComponent(channel.name)}`
    const query = `run=${encodeURIComponent(run.run)}`
    await channel.open({ url: `${chat}/stream?${query}&offset=-1`, cancel: `${chat}/cancel?${query}` })
    await this.#refresh()
  }

  hostDisconnected(): void {
    this.#leave()
  }

  #leave(): void {
    this.#leaving?.abort()
    for (const view of this.#views.values()) view.close()
    this.#views.clear()
    this.#exchanges = []
    this.#newestId = null
    this.#loaded = false
    this.#joined = null
    this.#channel = null
  }

  #onChange(): void {
    const streamId = this.#channel?.state.streamId ?? null
    if (streamId !== this.#newestId) void this.#refresh()
  }

  async #refresh(): Promise<void> {
    const channel = this.#channel
    if (!channel) return
    this.#newestId = channel.state.streamId
    try {
      const history = await allStreams(channel)
      if (channel !== this.#channel) return
      this.#exchanges = exchangesOf(history)
      this.#loaded = true
    } catch {
      // The hub is gone or the page is closing. The next change asks again.
      this.#newestId = null
      return
    }
    const shown = new Set(this.#exchanges.map(({ streamId }) => streamId))
    for (const [streamId, view] of this.#views) {
      if (shown.has(streamId)) continue
      view.close()
      this.#views.delete(streamId)
    }
    for (const streamId of shown) {
      if (this.#views.has(streamId)) continue
      const view = channel.stream(streamId)
      view.subscribe(this.#update)
      // Asked for from the start: until then a view says how far its stream is, not how far it has read.
      void view.state.parts
      this.#views.set(streamId, view)
    }
    this.#update()
  }
}
