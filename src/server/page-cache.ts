import type { Page } from './follow.ts'
import { joinBytes, joinJson } from './durable-streams/page-body.ts'
import { ZERO } from './offsets.ts'
import { isJson } from './stream-store.ts'
import type { Place, ReadResult, StreamInfo, StreamName, StreamStore } from './stream-store.ts'

/** A page as one piece of bytes, as it is sent. */
export interface JoinedPage {
  readonly kind: 'page'
  readonly info: StreamInfo
  readonly from: Place
  readonly next: Place
  readonly body: Uint8Array<ArrayBuffer>
}

interface Kept {
  readonly next: Place
  readonly body: Uint8Array<ArrayBuffer>
  /** It ended for its size, not because the stream did. */
  readonly isFull: boolean
}

/**
 * Pages of streams, joined once for all who ask for them at about the same time: after a release or a cut, many readers ask for the same.
 * What is at a place never changes, so a page is only left out where it could be longer by now. Bounded by bytes, the least recently used go first.
 */
export class PageCache {
  readonly #store: StreamStore
  readonly #maxBytes: number
  readonly #pageBytes: number
  /** In the order of their last use. */
  readonly #kept = new Map<string, Kept>()
  #bytes = 0

  constructor(store: StreamStore, pageBytes: number, maxBytes: number) {
    this.#store = store
    this.#pageBytes = pageBytes
    this.#maxBytes = maxBytes
  }

  /** Bytes that are kept. */
  get bytes(): number {
    return this.#bytes
  }

  async read(
    name: StreamName,
    from: Place | 'start' | 'tail',
  ): Promise<JoinedPage | Exclude<ReadResult, { kind: 'page' }>> {
    const kept = await this.#find(name, from)
    if (kept !== null) return kept
    const page = await this.#store.read(name, from, this.#pageBytes)
    return page.kind === 'page' ? this.join(page) : page
  }

  /** A page that was read otherwise. */
  join(page: Page): JoinedPage {
    const { info, from, next } = page
    const body = isJson(info.contentType) ? joinJson(page.records) : joinBytes(page.records)
    this.#keep(keyOf(info, from), { next, body, isFull: next.record < info.tail.record })
    return { kind: 'page', info, from, next, body }
  }

  async #find(name: StreamName, from: Place | 'start' | 'tail'): Promise<JoinedPage | null> {
    if (from === 'tail' || this.#kept.size === 0) return null
    const info = await this.#store.info(name)
    // A sliding expiry is renewed by reading.
    if (typeof info === 'string' || info.ttlSeconds !== null) return null
    const place = from === 'start' ? ZERO : from
    const key = keyOf(info, place)
    const kept = this.#kept.get(key)
    if (kept === undefined || !(kept.isFull || kept.next.record === info.tail.record)) return null
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    return { kind: 'page', info, from: place, next: kept.next, body: kept.body }
  }

  #keep(key: string, page: Kept): void {
    const size = page.body.byteLength
    // Small ones are joined as fast as they are found.
    if (size < MIN_BYTES || size > this.#maxBytes) return
    this.#drop(key)
    this.#kept.set(key, page)
    this.#bytes += size
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.#maxBytes) break
      this.#drop(oldest)
    }
  }

  #drop(key: string): void {
    this.#bytes -= this.#kept.get(key)?.body.byteLength ?? 0
    this.#kept.delete(key)
  }
}

const MIN_BYTES = 4 * 1024

const keyOf = (info: StreamInfo, place: Place): string => `${info.id}:${place.record}:${place.byte}`
