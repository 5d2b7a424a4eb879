import { nextCursor } from '../durable-streams/cursor.ts'
import { isLastPage } from '../follow.ts'
import type { Page } from '../follow.ts'
import type { BodySink, LiveBody } from '../plain-answer.ts'
import type { Place, StreamName } from '../stream-store.ts'
import { comeBackHint, SSE_HEARTBEAT } from '../sse-response.ts'
import type { LiveSettings } from './live-settings.ts'
import type { PageEncoder } from './page-encoder.ts'
import { readWhole } from './read-whole.ts'

const encoder = new TextEncoder()
const HEARTBEAT = encoder.encode(SSE_HEARTBEAT)

/** The stream, as its readers use it. */
export interface LiveSource {
  readonly settings: LiveSettings
  readonly name: StreamName
  readonly encoder: PageEncoder
  /** Rises with each change of the stream: who read at one version and finds another has not read everything. */
  readonly version: number
  /** A reader has everything of the present version. */
  follow(reader: LiveReader, place: Place): void
  /** A reader reads for itself. */
  leave(reader: LiveReader): void
  /** A reader is over. */
  remove(reader: LiveReader): void
}

/** One reader: a place in the stream, and a socket that has room or has not. */
export class LiveReader implements LiveBody {
  readonly #stream: LiveSource
  readonly #sink: BodySink
  readonly #cursor: string | null
  readonly #deadline: number
  #place: Place
  #isOver = false
  #isReading = false
  #isFollowing = false
  #isFinishing = false
  /** Something was written: the head of the answer promises a first event, also where the stream is empty. */
  #hasBegun = false
  /** Nothing was written since the last tick. */
  #isQuiet = false
  /** Since when the socket is full; `null` while it has room. */
  #fullSince: number | null = null

  constructor(stream: LiveSource, sink: BodySink, from: Place, cursor: string | null) {
    this.#stream = stream
    this.#sink = sink
    this.#place = from
    this.#cursor = cursor
    this.#deadline = stream.settings.now() + stream.settings.lifeMs
  }

  start(): void {
    void this.#read()
  }

  onRoom(): void {
    if (this.#fullSince === null) return
    this.#fullSince = null
    // Who follows has missed nothing yet.
    if (!this.#isFollowing) void this.#read()
  }

  onGone(): void {
    this.#leave()
  }

  /** A page for all that follow. */
  offer(page: Page, encode: (cursor: string) => Uint8Array, now: number): void {
    const hasIt =
      page.next.record < this.#place.record || (page.next.record === this.#place.record && !isLastPage(page))
    if (this.#isOver || hasIt) return
    if (this.#fullSince === null && page.from.record === this.#place.record) {
      this.#stream.settings.onPage(page, true)
      this.#write(page, encode(nextCursor(this.#cursor, now)), now)
      return
    }
    this.#stopFollowing()
    if (this.#fullSince === null) void this.#read()
  }

  tick(now: number): void {
    if (this.#isOver) return
    if (this.#fullSince !== null) {
      if (now - this.#fullSince >= this.#stream.settings.stallMs) this.cut()
      return
    }
    if (now >= this.#deadline) return this.end()
    if (this.#isQuiet) this.#send(HEARTBEAT, now)
    this.#isQuiet = true
  }

  /** The server closes. */
  finish(): void {
    this.#isFinishing = true
    this.#stopFollowing()
    if (this.#fullSince !== null) this.end()
    else void this.#read()
  }

  end(): void {
    if (!this.#leave()) return
    if (this.#isFinishing) this.#sink.write(encoder.encode(comeBackHint()))
    this.#sink.end()
  }

  cut(): void {
    if (this.#leave()) this.#sink.cut()
  }

  /** Reads for itself until it has everything. */
  async #read(): Promise<void> {
    if (this.#isReading || this.#isOver) return
    this.#isReading = true
    const { settings, name, encoder } = this.#stream
    try {
      while (!this.#isOver && this.#fullSince === null) {
        const { version } = this.#stream
        const page = await readWhole(settings.store, name, this.#place, encoder)
        // Gone while it was read.
        if (this.#isOver) return
        if (page === null) return this.end()
        const isNews = page.records.length > 0 || isLastPage(page) || !this.#hasBegun
        const now = settings.now()
        if (isNews) settings.onPage(page, false)
        if (isNews) this.#write(page, encoder.encode(page, nextCursor(this.#cursor, now)), now)
        if (page.records.length > 0 && page.next.record < page.info.tail.record) continue
        if (this.#isOver || this.#fullSince !== null || this.#stream.version !== version) continue
        if (this.#isFinishing) return this.end()
        this.#isFollowing = true
        this.#stream.follow(this, this.#place)
        return
      }
    } catch (error) {
      settings.onError(error)
      this.cut()
    } finally {
      this.#isReading = false
    }
  }

  #write(page: Page, bytes: Uint8Array, now: number): void {
    this.#place = page.next
    this.#hasBegun = true
    this.#send(bytes, now)
    if (isLastPage(page)) this.end()
  }

  #send(bytes: Uint8Array, now: number): void {
    this.#isQuiet = false
    if (!this.#sink.write(bytes)) this.#fullSince = now
  }

  #stopFollowing(): void {
    this.#isFollowing = false
    this.#stream.leave(this)
  }

  /** Whether it was there until now. */
  #leave(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    this.#stream.remove(this)
    return true
  }
}
