import { Refusal } from '../answers.ts'
import { absent, wrongPlace } from '../durable-streams/refusals.ts'
import { MAX_CACHED_BYTES, SOCKET_PAGE_BYTES } from './page-limits.ts'
import type { Place, StreamInfo, StreamStore } from '../stream-store.ts'
import type { KeptPages } from './kept-pages.ts'
import { SharedPage } from './shared-page.ts'

/** Whoever wants to hear when there is a page at the place where it is. */
export interface Waiter {
  ready(): void
  /** There will be none. */
  lost(refusal: Refusal): void
}

interface Waiting {
  readonly place: Place
  readonly waiters: Set<Waiter>
}

/**
 * A stream as all sockets of this process read it: each page is read once and made into a frame once, however many watchers are at its place.
 * Pages behind the tail are kept as far as they fit, of this stream and of all together, and never go out of date; one that reaches the tail is
 * dropped with the next change.
 */
export class SharedStream {
  readonly info: StreamInfo
  readonly #store: StreamStore
  readonly #kept: KeptPages
  readonly #onError: (error: unknown) => void
  readonly #leave: () => void
  // All by the number of the record in front of the place: within one stream that is enough.
  readonly #pages = new Map<number, SharedPage>()
  readonly #waiting = new Map<number, Waiting>()
  readonly #reading = new Map<number, Promise<void>>()
  #cachedBytes = 0
  #changes = 0
  #isClosed = false

  constructor(store: StreamStore, kept: KeptPages, info: StreamInfo, onError: (error: unknown) => void) {
    this.#store = store
    this.#kept = kept
    this.info = info
    this.#onError = onError
    this.#leave = store.watch(info.name, () => this.#changed())
  }

  /** The page at a place; `null` where it has to be read first, which has begun. It may be empty. */
  pageAt(place: Place): SharedPage | null {
    const page = this.#pages.get(place.record)
    if (page !== undefined) return page
    this.#read(place)
    return null
  }

  /** To be told once: when a page at this place was read, or, after an empty one, when there is more. */
  wait(place: Place, waiter: Waiter): void {
    const waiting = this.#waiting.get(place.record)
    if (waiting !== undefined) waiting.waiters.add(waiter)
    else this.#waiting.set(place.record, { place, waiters: new Set([waiter]) })
  }

  leave(place: Place, waiter: Waiter): void {
    const waiting = this.#waiting.get(place.record)
    if (waiting === undefined) return
    waiting.waiters.delete(waiter)
    if (waiting.waiters.size === 0) this.#waiting.delete(place.record)
  }

  /** Resolves once what is being read has been given out. */
  async settled(): Promise<void> {
    await Promise.all(this.#reading.values())
  }

  close(): void {
    this.#isClosed = true
    this.#leave()
    for (const [record, page] of this.#pages) this.#drop(record, page)
  }

  #changed(): void {
    this.#changes += 1
    for (const [record, page] of this.#pages) if (page.reachesTail) this.#drop(record, page)
    this.#readForWaiters()
  }

  #readForWaiters(): void {
    for (const { place } of this.#waiting.values()) this.#read(place)
  }

  #read(place: Place): void {
    if (this.#reading.has(place.record)) return
    const work = this.#readPage(place)
      .catch((error: unknown) => {
        this.#onError(error)
        this.#lose(place, new Refusal(500, 'internal', 'The server failed. Its log says why; subscribe again.'))
      })
      .then(() => {})
    this.#reading.set(place.record, work)
  }

  async #readPage(place: Place): Promise<void> {
    const changes = this.#changes
    const result = await this.#store.read(this.info.name, place, SOCKET_PAGE_BYTES).finally(() => {
      this.#reading.delete(place.record)
    })
    if (this.#isClosed) return
    if (result.kind !== 'page' || result.info.id !== this.info.id) {
      // Where there is a stream, it is another one that has the name by now.
      return this.#lose(place, result.kind === 'missing' || result.kind === 'gone' ? absent(result.kind) : wrongPlace())
    }
    const isStale = changes !== this.#changes
    const page = new SharedPage(result, isStale, (grown) => this.#kept.count(grown))
    this.#keep(place.record, page)
    for (const waiter of this.#takeWaiters(place)) waiter.ready()
    if (isStale) {
      // Given out for what it is; whoever asks next gets it together with what has come since.
      if (page.reachesTail) this.#drop(place.record, page)
      this.#readForWaiters()
    }
  }

  #lose(place: Place, refusal: Refusal): void {
    for (const waiter of this.#takeWaiters(place)) waiter.lost(refusal)
  }

  #takeWaiters(place: Place): Iterable<Waiter> {
    const waiting = this.#waiting.get(place.record)
    this.#waiting.delete(place.record)
    return waiting?.waiters ?? []
  }

  #keep(record: number, page: SharedPage): void {
    const before = this.#pages.get(record)
    if (before !== undefined) this.#drop(record, before)
    this.#pages.set(record, page)
    this.#cachedBytes += page.size
    this.#kept.add(page, () => this.#drop(record, page))
    for (const [oldest, old] of this.#pages) {
      if (this.#cachedBytes <= MAX_CACHED_BYTES || old === page) break
      this.#drop(oldest, old)
    }
  }

  #drop(record: number, page: SharedPage): void {
    if (this.#pages.get(record) !== page) return
    this.#pages.delete(record)
    this.#cachedBytes -= page.size
    this.#kept.remove(page)
  }
}
