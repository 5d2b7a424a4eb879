import type { OpenedStream, ServerFrame, SocketAnswers } from '../../protocol/socket.ts'
import { Refusal } from '../answers.ts'
import { runInfo } from '../channels/channel-info.ts'
import type { LiveReaders } from '../live-readers.ts'
import { encodeOffset, ZERO } from '../offsets.ts'
import type { Place, StreamInfo } from '../stream-store.ts'
import type { Playlist } from './playlist.ts'
import type { Waiter } from './shared-stream.ts'
import type { Lease, SharedStreams } from './shared-streams.ts'
import type { Subscription, SubscriptionHost } from './subscription.ts'

/** Where a subscription begins. */
export interface Start {
  readonly info: StreamInfo
  readonly place: Place
}

export interface DataSubscriptionOptions {
  readonly sub: number
  /** Bytes of payload that may be on the way without an acknowledgement. */
  readonly window: number
  readonly streams: SharedStreams
  readonly readers: LiveReaders
  /** Whether the client may begin, and where; `null` where there is nothing yet. @throws {Refusal} */
  readonly start: () => Promise<Start | null>
  /** What comes after the first stream; `null` where nothing does. */
  readonly playlist: Playlist | null
  /** Whether the client may read a later stream. @throws {Refusal} */
  readonly admit: (info: StreamInfo) => Promise<void>
  readonly host: SubscriptionHost
  readonly onError: (error: unknown) => void
}

interface Following {
  readonly info: StreamInfo
  readonly lease: Lease
  readonly leaveReaders: () => void
  place: Place
  /** Nothing of this stream was sent. */
  isFirst: boolean
  /** The stream says when there is a page at `place`. */
  isWaiting: boolean
}

type State =
  /** The client is not answered yet, or there is no stream as yet. */
  | { readonly kind: 'opening' | 'resting' }
  | { readonly kind: 'following'; readonly at: Following }
  /** Looks for the next stream; where there is none it goes on at the one that has not ended. */
  | { readonly kind: 'moving'; readonly at: Following | null }
  | { readonly kind: 'over' }

/** A cursor in a stream, and in the streams that come after it. It has no queue: its next frame is made when there is room for it. */
export class DataSubscription implements Subscription, Waiter {
  readonly #options: DataSubscriptionOptions
  #state: State = { kind: 'opening' }
  /** Id of the last stream that was followed. */
  #lastId = 0
  /** There may be a younger stream. */
  #hasNews = false
  /** To be said before anything else. */
  #head: string | null = null
  #unacknowledged = 0
  #leavePlaylist: (() => void) | null = null

  constructor(options: DataSubscriptionOptions) {
    this.#options = options
  }

  async open(): Promise<SocketAnswers['subscribe']> {
    // Before it is looked for where to begin: what is created in between is heard of.
    this.#leavePlaylist = this.#options.playlist?.watch(() => this.#heardNews()) ?? null
    const start = await this.#options.start()
    if (this.#isOver()) throw new Refusal(409, 'unsubscribed', 'The subscription was ended before it began.')
    if (start === null) {
      this.#state = { kind: 'resting' }
      return { opened: null }
    }
    this.#follow(start)
    return { opened: describe(start) }
  }

  next(): string | Uint8Array<ArrayBuffer> | null {
    const head = this.#head
    this.#head = null
    if (head !== null) {
      if (this.#isOver()) this.#options.host.over()
      return head
    }
    const state = this.#state
    if (state.kind === 'resting' && this.#hasNews) this.#move(null)
    return state.kind === 'following' && this.#unacknowledged < this.#options.window ? this.#nextOf(state.at) : null
  }

  #nextOf(at: Following): Uint8Array<ArrayBuffer> | null {
    if (at.isWaiting && !this.#hasNews) return null
    const page = at.lease.stream.pageAt(at.place)
    if (page === null || (page.isEmpty && page.ending === null && !at.isFirst)) {
      // At the tail, where a younger stream is all that may have come.
      if (page !== null && this.#hasNews) this.#move(at)
      else this.#wait(at)
      return null
    }
    at.place = page.next
    at.isFirst = false
    this.#unacknowledged += page.size
    if (page.ending !== null) this.#ended()
    // Nothing comes after the tail: no need to look.
    else if (page.reachesTail && !this.#hasNews) this.#wait(at)
    return page.frameFor(this.#options.sub)
  }

  #wait(at: Following): void {
    at.isWaiting = true
    at.lease.stream.wait(at.place, this)
  }

  get hasMore(): boolean {
    const state = this.#state
    return this.#head !== null || (state.kind === 'following' && !state.at.isWaiting)
  }

  #ended(): void {
    if (this.#options.playlist !== null) return this.#move(null)
    this.close()
    this.#options.host.over()
  }

  ready(): void {
    this.#woken()
    if (this.#state.kind === 'following') this.#options.host.ready()
  }

  lost(refusal: Refusal): void {
    this.#woken()
    if (this.#state.kind !== 'following') return
    // Of many streams one is gone: the next may be there. A failure of the server is another matter.
    if (this.#options.playlist !== null && refusal.status < 500) this.#move(null)
    else this.#drop(refusal)
  }

  // Also on the move, from where it may come back.
  #woken(): void {
    if ('at' in this.#state && this.#state.at !== null) this.#state.at.isWaiting = false
  }

  acknowledge(bytes: number): void {
    this.#unacknowledged = Math.max(0, this.#unacknowledged - bytes)
    this.#options.host.ready()
  }

  close(): void {
    this.#become({ kind: 'over' })
    this.#leavePlaylist?.()
    this.#leavePlaylist = null
  }

  #isOver(): boolean {
    return this.#state.kind === 'over'
  }

  #heardNews(): void {
    this.#hasNews = true
    this.#options.host.ready()
  }

  /** Takes on a state, and lets go of the stream that the new one does not have. */
  #become(next: State): void {
    const before = 'at' in this.#state ? this.#state.at : null
    this.#state = next
    if (before === null || ('at' in next && next.at === before)) return
    if (before.isWaiting) before.lease.stream.leave(before.place, this)
    before.lease.end()
    before.leaveReaders()
  }

  #follow({ info, place }: Start): void {
    const { streams, readers } = this.#options
    this.#lastId = info.id
    const lease = streams.use(info)
    this.#become({
      kind: 'following',
      at: { info, place, lease, leaveReaders: readers.enter(info.name), isFirst: true, isWaiting: false },
    })
  }

  #move(at: Following | null): void {
    this.#hasNews = false
    this.#become({ kind: 'moving', at })
    this.#findNext(at).catch((error: unknown) => {
      if (!(error instanceof Refusal)) this.#options.onError(error)
      this.#drop(error instanceof Refusal ? error : new Refusal(500, 'internal', 'The server failed. Subscribe again.'))
    })
  }

  async #findNext(at: Following | null): Promise<void> {
    const info = (await this.#options.playlist?.next(this.#lastId)) ?? null
    if (info !== null && !this.#isOver()) await this.#options.admit(info)
    if (this.#isOver()) return
    if (info === null) this.#become(at === null ? { kind: 'resting' } : { kind: 'following', at })
    else {
      const start = { info, place: ZERO }
      this.#follow(start)
      this.#say({ type: 'opened', sub: this.#options.sub, ...describe(start) })
    }
    this.#options.host.ready()
  }

  #drop({ code, message, status }: Refusal): void {
    if (this.#isOver()) return
    this.close()
    this.#say({ type: 'dropped', sub: this.#options.sub, error: { code, message, status } })
    this.#options.host.ready()
  }

  #say(frame: ServerFrame): void {
    this.#head = JSON.stringify(frame)
  }
}

function describe({ info, place }: Start): OpenedStream {
  return {
    stream: runInfo(info).url,
    channel: info.name.channel,
    run: info.name.run,
    contentType: info.contentType,
    offset: encodeOffset(place),
  }
}
