import type { Ending } from '../../protocol/chunk.ts'
import { encodeDataFrame } from '../../protocol/socket-frame.ts'
import { joinBytes, joinJson } from '../durable-streams/page-body.ts'
import type { Page } from '../follow.ts'
import { isLastPage } from '../follow.ts'
import { encodeOffset } from '../offsets.ts'
import type { Place } from '../stream-store.ts'
import { isJson } from '../stream-store.ts'

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

  /** `isStale`: the stream has changed since the page was read. */
  constructor(page: Page, isStale: boolean) {
    this.next = page.next
    this.reachesTail = page.next.record === page.info.tail.record
    this.isEmpty = page.records.length === 0
    this.ending = isLastPage(page) ? page.info.ending : null
    this.#payload = isJson(page.info.contentType) ? joinJson(page.records) : joinBytes(page.records)
    this.#isUpToDate = this.reachesTail && !isStale
  }

  /** Bytes of payload. */
  get size(): number {
    return this.#payload.byteLength
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
    if (this.#frames.size < MAX_FRAMES) this.#frames.set(sub, frame)
    return frame
  }
}
