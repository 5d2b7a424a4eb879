import type { PlacedEvent, PublishedEvent } from '../protocol/produce.ts'
import type { Journal } from '../store/journal.ts'
import type { LogStore } from '../store/log-store.ts'

/**
 * Where an event stands in its channel: after what is committed of the newest stream, and after all that this hub was given before it, which
 * the journal writes in order. A store that fails gives no place: the event comes all the same.
 */
export async function placeEvent(store: LogStore, journal: Journal, event: PublishedEvent): Promise<PlacedEvent> {
  try {
    const newest = await store.newest(event.channel)
    if (newest === undefined) return { ...event, place: null }
    const { row = newest } = await journal.commit({ streamId: newest.streamId, decide: () => null })
    return { ...event, place: { streamId: row.streamId, seq: row.seq, createdAt: row.createdAt } }
  } catch {
    return { ...event, place: null }
  }
}
