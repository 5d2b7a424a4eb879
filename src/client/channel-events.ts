import { nanoid } from 'nanoid'
import { HeadwaterError } from '../protocol/errors.ts'
import type { Batch } from '../protocol/hub-port.ts'
import { MAX_NAME_LENGTH } from '../protocol/names.ts'
import { unpackChunks } from '../protocol/packed-chunks.ts'
import { MAX_EVENT, type EventPlace, type PlacedEvent } from '../protocol/produce.ts'
import type { ChannelEvent } from './api.ts'
import type { Connection, EventSink } from './connection.ts'
import { LogCursor } from './log-cursor.ts'
import type { View } from './view.ts'

/** Events that are remembered, so that one that is sent again is heard once. It is sent again within seconds. */
const REMEMBERED_EVENTS = 1_000
/** Events that wait for the view; beyond that the oldest comes early. */
const MAX_WAITING = 1_000

interface Waiting {
  place: EventPlace | null
  event: ChannelEvent
}

interface Listener {
  event: string
  call(event: ChannelEvent): void
}

/** The events of one channel in one page. Each waits until the channel's view has what stood before it. */
export class ChannelEvents implements EventSink {
  readonly #connection: Connection
  readonly #channel: string
  readonly #view: View
  readonly #listeners = new Set<Listener>()
  readonly #heard = new Set<string>()
  #waiting: Waiting[] = []
  #listening: Promise<unknown> | null = null
  #cursor: LogCursor | null = null
  /** When the stream was created whose chunks are heard, and up to which seq they are no news. */
  #createdAt = 0
  #passed = 0
  #leaveView: (() => void) | null = null

  constructor(connection: Connection, channel: string, view: View) {
    this.#connection = connection
    this.#channel = channel
    this.#view = view
  }

  on(event: string, call: (event: ChannelEvent) => void, signal?: AbortSignal): () => void {
    const listener = { event, call }
    const off = (): void => {
      this.#listeners.delete(listener)
      signal?.removeEventListener('abort', off)
      if (this.#listeners.size === 0) this.close()
    }
    if (signal?.aborted) return off
    signal?.addEventListener('abort', off, { once: true })
    this.#listeners.add(listener)
    this.#open()
    return off
  }

  async publish(event: string, data: unknown): Promise<void> {
    if (typeof event !== 'string' || event === '' || event.length > MAX_NAME_LENGTH) {
      throw new HeadwaterError('bad-message', `An event's name must have 1 to ${MAX_NAME_LENGTH} characters.`, event)
    }
    const published = { eventId: nanoid(), channel: this.#channel, event, data: toJson(data) }
    // Whoever listens in this page hears of it.
    await this.#listening?.catch(() => undefined)
    await this.#connection.call((hub) => hub.publish(published))
  }

  close(): void {
    if (this.#cursor === null) return
    this.#connection.listeners.delete(this.#channel)
    this.#connection.call((hub) => hub.listen(this.#channel, false)).catch(() => undefined)
    this.#listening = null
    this.#cursor.close()
    this.#cursor = null
    this.#leaveView?.()
    this.#waiting = []
    this.#listeners.clear()
  }

  #open(): void {
    if (this.#cursor !== null) return
    this.#createdAt = 0
    this.#connection.listeners.set(this.#channel, this)
    this.connected()
    this.#leaveView = this.#view.subscribe(() => this.#flush())
    this.#cursor = new LogCursor(this.#connection, {
      channel: this.#channel,
      streamId: null,
      from: 'live',
      chunks: true,
      batch: (batch) => this.#batch(batch),
      // A stream that is gone is waited for no longer.
      reset: (snapshot) => (snapshot === null ? this.#flush(true) : this.#turnTo(snapshot.createdAt)),
      snapshot: ({ seq }) => {
        if (this.#passed === Infinity) this.#passed = seq
      },
      failed: () => undefined,
    })
  }

  /** Asks each life of the hub. */
  connected(): void {
    this.#listening = this.#connection.call((hub) => hub.listen(this.#channel, true))
    this.#listening.catch(() => undefined)
  }

  published({ eventId, event, data, place }: PlacedEvent): void {
    if (this.#heard.has(eventId)) return
    this.#heard.add(eventId)
    const [oldest] = this.#heard
    if (this.#heard.size > REMEMBERED_EVENTS && oldest !== undefined) this.#heard.delete(oldest)
    const parsed: unknown = data === null ? undefined : JSON.parse(data)
    this.#add(place, { event, data: parsed, streamId: place?.streamId ?? null, seq: place?.seq ?? 0 })
  }

  /** The same stream is read again from its start where what followed was in a hub's memory alone. */
  #turnTo(createdAt: number): void {
    if (createdAt === this.#createdAt) return
    // Of an older one, to which a channel goes back when its newest is deleted, all that is there already is no news.
    this.#passed = createdAt > this.#createdAt ? 0 : Infinity
    this.#createdAt = createdAt
  }

  /** Chunks that have a name. */
  #batch({ streamId, createdAt, packs, toSeq }: Batch): void {
    this.#turnTo(createdAt)
    const passed = this.#passed
    this.#passed = Math.max(passed, toSeq - 1)
    for (const pack of packs) {
      if (pack.events === undefined) continue
      for (const { seq, event, data } of unpackChunks(pack)) {
        if (event !== undefined && seq > passed) this.#add({ streamId, seq, createdAt }, { event, data, streamId, seq })
      }
    }
  }

  #add(place: EventPlace | null, event: ChannelEvent): void {
    if (![...this.#listeners].some((listener) => listener.event === event.event)) return
    this.#waiting.push({ place, event })
    this.#flush()
  }

  /** Calls listeners for what the view has reached, in order. */
  #flush(all = false): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (!all && this.#waiting.length <= MAX_WAITING && !this.#isReached(first.place)) return
      this.#waiting.shift()
      this.#tell(first.event)
    }
  }

  #isReached(place: EventPlace | null): boolean {
    const { streamId, seq } = this.#view.state
    if (place === null || this.#view.createdAt > place.createdAt) return true
    return streamId === place.streamId && seq >= place.seq
  }

  #tell(event: ChannelEvent): void {
    for (const listener of [...this.#listeners]) {
      if (listener.event !== event.event || !this.#listeners.has(listener)) continue
      try {
        listener.call(event)
      } catch (error) {
        // As an event target does: reported, and nobody else notices.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}

/** @throws {HeadwaterError} `bad-message` or `too-large` */
function toJson(data: unknown): string | null {
  let json: string | undefined
  try {
    json = JSON.stringify(data)
  } catch (cause) {
    throw new HeadwaterError('bad-message', 'The data of an event must be what JSON takes.', undefined, { cause })
  }
  if (json === undefined) return null
  if (json.length > MAX_EVENT) {
    throw new HeadwaterError('too-large', `The data of an event may have ${MAX_EVENT} characters as JSON.`)
  }
  return json
}
