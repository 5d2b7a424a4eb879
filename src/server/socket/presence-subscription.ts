import type { ServerFrame, SocketAnswers } from '../../protocol/socket.ts'
import { checkChannel } from '../stream-path.ts'
import type { Audience, Presence } from './presence.ts'
import type { Subscription, SubscriptionHost } from './subscription.ts'
import type { Visitor } from './visitor.ts'

/** Who watches a channel: how many and a list, then what changed of it whenever there is room, so that nothing piles up for a slow client. */
export class PresenceSubscription implements Subscription {
  readonly #presence: Presence
  readonly #channel: string
  readonly #sub: number
  readonly #host: SubscriptionHost
  readonly #visitor: Visitor
  readonly hasMore = false
  #told: Audience | null = null
  #leave: (() => void) | null = null
  #isClosed = false

  /** @throws {Refusal} where the channel's name is none */
  constructor(presence: Presence, channel: string, sub: number, host: SubscriptionHost, visitor: Visitor) {
    this.#presence = presence
    this.#channel = checkChannel(channel)
    this.#sub = sub
    this.#host = host
    this.#visitor = visitor
  }

  async open(): Promise<SocketAnswers['subscribe']> {
    await this.#visitor.mayDoInChannel('read', this.#channel)
    if (!this.#isClosed) this.#leave = this.#presence.watch(this.#channel, () => this.#host.ready())
    const { named, count } = (this.#told = this.#presence.audience(this.#channel))
    return { watchers: [...named.values()], count }
  }

  next(): string | null {
    const before = this.#told
    const now = this.#presence.audience(this.#channel)
    if (this.#isClosed || before === null || now === before) return null
    this.#told = now
    const { joined, left } = this.#presence.changeOf(before, now)
    if (joined.length === 0 && left.length === 0 && now.count === before.count) return null
    return JSON.stringify({ type: 'presence', sub: this.#sub, joined, left, count: now.count } satisfies ServerFrame)
  }

  acknowledge(): void {}

  close(): void {
    this.#isClosed = true
    this.#leave?.()
  }
}
