import type { ReadResult, StreamName, StreamStore, Place } from './stream-store.ts'
import { WakeUp } from './wake-up.ts'

export type Page = Extract<ReadResult, { kind: 'page' }>

export interface FollowOptions {
  readonly store: StreamStore
  readonly name: StreamName
  readonly from: Place | 'start' | 'tail'
  readonly pageBytes: number
  /** An `idle` after so many milliseconds without news. */
  readonly heartbeatMs: number
  /** Ends by itself after so many milliseconds. */
  readonly lifeMs: number
  readonly now: () => number
  readonly signal: AbortSignal
  /** Told of each page before it is handed over; `waited`: the reader was up to date and waiting for news. */
  readonly onPage?: (page: Page, waited: boolean) => void
}

export type Followed = { readonly kind: 'page'; readonly page: Page } | { readonly kind: 'idle' }

/** Whether nothing can come after this page. */
export function isLastPage(page: Pick<Page, 'info' | 'next'>): boolean {
  return page.info.ending !== null && page.next.record === page.info.tail.record
}

/**
 * A stream from a place on, as it grows: a first page at once, also an empty one, then one whenever there is news. Ends after the page that
 * reaches an ending, when the stream is deleted, after its life, or with the signal.
 */
export async function* follow(options: FollowOptions): AsyncGenerator<Followed, void, undefined> {
  const { store, name, signal } = options
  const bell = new WakeUp()
  // Subscribed before the first read: what is committed in between rings.
  const leave = store.watch(name, () => bell.ring())
  try {
    const deadline = options.now() + options.lifeMs
    let place = options.from
    let first = true
    let waited = false
    for (;;) {
      const page = await store.read(name, place, options.pageBytes)
      if (page.kind !== 'page') return
      place = page.next
      if (first || page.records.length > 0 || page.info.ending !== null) {
        options.onPage?.(page, waited)
        yield { kind: 'page', page }
      }
      // Looked at after the read, so that what was committed before the signal is still told: an ending, when the server closes.
      if (isLastPage(page) || signal.aborted) return
      first = false
      waited = false
      if (place.record < page.info.tail.record) continue
      const left = deadline - options.now()
      if (left <= 0) return
      const outcome = await bell.wait(Math.min(left, options.heartbeatMs), signal)
      waited = outcome === 'rung'
      if (outcome === 'timeout' && options.now() < deadline) yield { kind: 'idle' }
    }
  } finally {
    leave()
  }
}
