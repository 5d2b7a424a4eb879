import { HEARTBEAT_MS, MAX_FEED_EVENTS } from '../limits.ts'
import type { ServerContext } from '../server-context.ts'
import { SSE_HEARTBEAT, sseEvent } from '../sse-response.ts'
import type { StreamChange } from '../stream-store.ts'
import { WakeUp } from '../wake-up.ts'

export interface FeedEvent {
  readonly event: string
  readonly data: unknown
}

export interface FeedOptions {
  readonly context: ServerContext
  readonly signal: AbortSignal
  /** What a change concerns; `null` where it does not concern this feed. */
  readonly keyOf: (change: StreamChange) => string | null
  readonly snapshot: () => Promise<unknown>
  /** How something is now. */
  readonly describe: (key: string) => Promise<FeedEvent>
}

/**
 * A snapshot, and then how whatever changed is now. A change that comes while another is told is told once. It ends where changes may have been
 * missed: the next one begins with a snapshot.
 */
export async function* feed(options: FeedOptions): AsyncGenerator<string, void, undefined> {
  const { context, signal } = options
  const changed = new Set<string>()
  const bell = new WakeUp()
  let missed = false
  const leave = context.store.watchAll((change) => {
    if (change === null) {
      missed = true
      bell.ring()
      return
    }
    if (change.kind === 'grown') return
    const key = options.keyOf(change)
    if (key === null) return
    changed.add(key)
    // For a reader that does not take them: a snapshot says it in less than so many events, after which the feed is over anyway.
    if (changed.size > MAX_FEED_EVENTS) missed = true
    bell.ring()
  })
  let id = 0
  const event = (name: string, data: unknown): string =>
    sseEvent({ event: name, data: JSON.stringify(data), id: String(++id) })
  try {
    yield event('snapshot', await options.snapshot())
    while (!signal.aborted && !missed && id < MAX_FEED_EVENTS) {
      const [key] = changed
      if (key !== undefined) {
        changed.delete(key)
        const next = await options.describe(key)
        yield event(next.event, next.data)
      } else if ((await bell.wait(HEARTBEAT_MS, signal)) === 'timeout') yield SSE_HEARTBEAT
    }
    if (!signal.aborted) yield event('done', {})
  } finally {
    leave()
  }
}
