import type { Ending } from '../../protocol/chunk.ts'
import { encodeDataFrame } from '../../protocol/socket-frame.ts'
import { joinBytes, joinJson } from '../durable-streams/page-body.ts'
import type { Page } from '../follow.ts'
import { isLastPage } from '../follow.ts'
import { encodeOffset } from '../offsets.ts'
import type { Place } from '../stream-store.ts'
import { isJson } from '../stream-store.ts'
import { MAX_CACHED_BYTES } from './page-limits.ts'

/** Watchers mostly call their one subscription the same; more than a few names are not worth keeping. */
const MAX_FRAMES = 8

/** One page of a stream, made into a frame once for all watchers that come by its place. */
export class SharedPage {
  readonly next: Place
  /** Whether nothing came after it when it was read. */
  readonly reachesTail: boolean
  readonly isEmpty: boolean
  readonly ending: Ending | null
  readonly #payload: Uint8Array<ArrayBuffer>
  readonly #isUpToDate: boolean
  readonly #frames = new Map<number, Uint8Array<ArrayBuffer>>()
  readonly #onGrown: (page: SharedPage) => void
  #bytes: number

  /**
   * @param isStale the stream has changed since the page was read
   * @param onGrown called when it takes more memory than before
   */
  constructor(page: Page, isStale: boolean, onGrown: (page: SharedPage) => void) {
    this.next = page.next
    this.reachesTail = page.next.record === page.info.tail.record
    this.isEmpty = page.records.length === 0
    this.ending = isLastPage(page) ? page.info.ending : null
    this.#payload = isJson(page.info.contentType) ? joinJson(page.records) : joinBytes(page.records)
    this.#isUpToDate = this.reachesTail && !isStale
    this.#bytes = this.#payload.byteLength
    this.#onGrown = onGrown
  }

  /** Bytes of payload. */
  get size(): number {
    return this.#payload.byteLength
  }

  /** Bytes of payload and of the frames that were made of it. */
  get bytes(): number {
    return this.#bytes
  }

  frameFor(sub: number): Uint8Array<ArrayBuffer> {
    const known = this.#frames.get(sub)
    if (known !== undefined) return known
    const header = {
      sub,
      next: encodeOffset(this.next),
      ...(this.#isUpToDate && { upToDate: true }),
      ...(this.ending !== null && { ending: this.ending }),
    }
    const frame = encodeDataFrame(header, this.#payload)
    if (this.#hasRoomFor(frame)) {
      this.#frames.set(sub, frame)
      this.#bytes += frame.byteLength
      this.#onGrown(this)
    }
    return frame
  }

  /** For one at least: a thousand watchers of a large record must not be a thousand copies. */
  #hasRoomFor(frame: Uint8Array): boolean {
    const { size } = this.#frames
    return size === 0 || (size < MAX_FRAMES && this.#bytes + frame.byteLength <= MAX_CACHED_BYTES)
  }
}
