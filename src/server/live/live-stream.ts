import { isLastPage } from '../follow.ts'
import type { Page } from '../follow.ts'
import type { BodySink } from '../plain-answer.ts'
import type { Place, StreamName } from '../stream-store.ts'
import { LiveReader } from './live-reader.ts'
import type { LiveSource } from './live-reader.ts'
import type { LiveSettings } from './live-settings.ts'
import type { PageEncoder } from './page-encoder.ts'
import { readWhole } from './read-whole.ts'

/**
 * All readers of one stream in one encoding. Those that have everything are *following*: each page is read and encoded once, and written to all
 * of them in one loop. A reader that is behind, or whose socket is full, reads for itself from its own place, until it has caught up. So
 * nobody waits for a slow reader, and what is kept for one is its place and what its socket has taken.
 */
export class LiveStream implements LiveSource {
  readonly settings: LiveSettings
  readonly name: StreamName
  readonly encoder: PageEncoder
  readonly #onEmpty: () => void
  readonly #leaveStore: () => void
  readonly #ticker: ReturnType<typeof setInterval>
  readonly #readers = new Set<LiveReader>()
  readonly #following = new Set<LiveReader>()
  /** Where the next page for those that follow begins; `null` while nobody does. */
  #place: Place | null = null
  #version = 0
  #pumped = 0
  #isPumping = false

  constructor(settings: LiveSettings, name: StreamName, encoder: PageEncoder, onEmpty: () => void) {
    this.settings = settings
    this.name = name
    this.encoder = encoder
    this.#onEmpty = onEmpty
    this.#leaveStore = settings.store.watch(name, () => {
      this.#version += 1
      void this.#pump()
    })
    // Twice as often as something must be said: whoever spoke since the last time is passed over.
    const every = Math.max(1, Math.min(settings.heartbeatMs, settings.lifeMs) / 2)
    this.#ticker = setInterval(() => this.#tick(), Math.min(every, 2 ** 31 - 1))
  }

  get version(): number {
    return this.#version
  }

  /** A new reader, which begins to write. `cursor` is the one that its client gave. */
  open(sink: BodySink, from: Place, cursor: string | null): LiveReader {
    const reader = new LiveReader(this, sink, from, cursor)
    this.#readers.add(reader)
    reader.start()
    return reader
  }

  follow(reader: LiveReader, place: Place): void {
    this.#following.add(reader)
    if (this.#place !== null) return
    this.#place = place
    this.#pumped = this.#version
  }

  leave(reader: LiveReader): void {
    this.#following.delete(reader)
    if (this.#following.size === 0) this.#place = null
  }

  remove(reader: LiveReader): void {
    this.leave(reader)
    if (!this.#readers.delete(reader) || this.#readers.size > 0) return
    clearInterval(this.#ticker)
    this.#leaveStore()
    this.#onEmpty()
  }

  /** The server closes: readers get what is there, and end. */
  finish(): void {
    for (const reader of [...this.#readers]) reader.finish()
  }

  /** Reads what is new for those that follow. */
  async #pump(): Promise<void> {
    if (this.#isPumping) return
    this.#isPumping = true
    try {
      while (this.#place !== null && this.#pumped !== this.#version) {
        const version = this.#version
        const page = await readWhole(this.settings.store, this.name, this.#place, this.encoder)
        if (page === null) {
          for (const reader of [...this.#readers]) reader.end()
          return
        }
        // Nobody follows any more, or those that do began elsewhere.
        if (this.#place?.record !== page.from.record) continue
        this.#place = page.next
        if (page.records.length > 0 || isLastPage(page)) this.#deliver(page)
        if (page.records.length === 0 || page.next.record >= page.info.tail.record) this.#pumped = version
      }
    } catch (error) {
      this.settings.onError(error)
      for (const reader of [...this.#following]) reader.cut()
    } finally {
      this.#isPumping = false
    }
  }

  #deliver(page: Page): void {
    const now = this.settings.now()
    // By cursor: almost all readers have the same.
    const encoded = new Map<string, Uint8Array>()
    const encode = (cursor: string): Uint8Array => {
      const known = encoded.get(cursor)
      if (known !== undefined) return known
      const bytes = this.encoder.encode(page, cursor)
      encoded.set(cursor, bytes)
      return bytes
    }
    for (const reader of [...this.#following]) reader.offer(page, encode, now)
  }

  #tick(): void {
    const now = this.settings.now()
    for (const reader of [...this.#readers]) reader.tick(now)
  }
}
