// One tab. The driver calls `bench` through Playwright; what is measured happens between tabs and worker, without the driver.
import { join } from './alternative-tab.ts'
import type { Alternative } from './alternatives-worker.ts'
import { bareRead } from './bare-read.ts'
import type { Feed } from './feed.ts'
import { now } from './feed.ts'
import { connected, connecting, feedUrl, untilSeq } from './hub-tab.ts'

export type Candidate = 'headwater' | Alternative

let finished: Promise<number> | undefined
let start: () => unknown = () => undefined

/** Times of the chunks of the last round, in milliseconds from production to callback. */
let delays: number[] = []

/** Chunks of {@link tab.followStamps}. */
const arrivals: { sent: number; arrived: number }[] = []

const stamped = (data: string): void => {
  delays.push(now() - Number(data))
}

const tab = {
  /** Joins a round: resolves once this tab listens. `url` names a source on the network instead of the feed. */
  async prepare(how: Candidate, round: string, feed: Feed, url?: string): Promise<void> {
    delays = []
    const each = feed.kind === 'stamp' ? stamped : undefined
    if (how !== 'headwater') {
      const joined = await join(how, feed, each)
      finished = joined.finished
      start = joined.start
      return
    }
    const hub = await connected()
    const channel = hub.channel(round)
    let seen = 0
    finished = untilSeq(channel, feed.count, (text) => {
      if (each) for (const data of text.slice(seen).split('\n')) if (data !== '') each(data)
      seen = text.length
    })
    // The hub handles a tab's calls in order: once this is answered, the view is attached.
    await hub.streams()
    start = () => channel.send(url ?? feedUrl(feed))
  },

  /** Starts the round, in one tab, and answers with when. */
  start(): number {
    const at = now()
    void start()
    return at
  },

  /** When this tab had the last chunk. */
  finished: (): Promise<number> | undefined => finished,

  delays: (): number[] => delays,

  /** Reads a stored channel from its start, as a page does that was loaded again: it shows the channel at once, and the hub comes when it comes. */
  async replay(channel: string, count: number): Promise<{ connectMs: number; ms: number }> {
    const begin = now()
    const hub = connecting()
    const all = untilSeq(hub.channel(channel), count)
    await hub.ready
    const ready = now()
    const end = await all
    return { connectMs: ready - begin, ms: end - ready }
  },

  /** Follows a channel chunk by chunk; each chunk says when it was sent. */
  async followStamps(channel: string): Promise<void> {
    const hub = await connected()
    const read = async (): Promise<void> => {
      for await (const { data } of hub.channel(channel).read({ from: 'live' })) {
        arrivals.push({ sent: Number(data), arrived: now() })
      }
    }
    read().catch(reportError)
    await hub.streams()
  },

  /** Starts a channel's stream, from the server or from a feed in the worker. */
  async send(channel: string, source: string | Feed): Promise<void> {
    await (await connected()).channel(channel).send(typeof source === 'string' ? source : feedUrl(source))
  },

  /** Milliseconds from sending to arrival, of what was sent in a span of time. */
  delaysBetween(from: number, to: number): number[] {
    return arrivals.filter(({ sent }) => sent >= from && sent < to).map(({ sent, arrived }) => arrived - sent)
  },

  /** Stands still for that long, and leaves the processor to others. */
  block(ms: number): void {
    const request = new XMLHttpRequest()
    request.open('GET', `/block?ms=${ms}`, false)
    request.send()
  },

  /** Reads a channel from its start and keeps nothing. Answers with the milliseconds to the first chunk and to the `count`th. */
  async readThrough(channel: string, count: number): Promise<{ firstMs: number; ms: number }> {
    const hub = await connected()
    const begin = now()
    let firstMs = NaN
    for await (const { seq } of hub.channel(channel).read({ from: 'start' })) {
      if (seq === 1) firstMs = now() - begin
      if (seq >= count) break
    }
    return { firstMs, ms: now() - begin }
  },

  /** Milliseconds until a reader of the last chunks of a channel has the first of them. */
  async readTail(channel: string, tail: number): Promise<number> {
    const hub = await connected()
    const begin = now()
    const { value } = await hub.channel(channel).read({ tail })[Symbol.asyncIterator]().next()
    if (value === undefined) throw new Error('There is nothing to read.')
    return now() - begin
  },

  /** When this tab got the first chunk that was sent after `time`; all in milliseconds since the epoch. `null`: not yet. */
  firstAfter(time: number): number | null {
    const found = arrivals.find(({ sent }) => sent > time)
    return found?.arrived ?? null
  },

  /** Forgets what arrived so far. */
  forgetArrivals(): void {
    arrivals.length = 0
  },

  bareRead,
}

declare global {
  var bench: typeof tab
}
globalThis.bench = tab
