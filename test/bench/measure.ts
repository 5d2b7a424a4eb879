import type { Browser } from 'playwright'
import { killHub } from '../e2e/harness/browser.ts'
import { until } from '../e2e/harness/poll.ts'
import { SEGMENT_MAX_CHUNKS } from '../../src/store/plan-compaction.ts'
import { now } from './pages/feed.ts'
import type { Candidate } from './pages/page.ts'
import { median, quantile, Tabs } from './tabs.ts'

/** How much is measured: all of it, or enough to see that nothing has gone badly wrong. */
export interface Plan {
  tabs: readonly number[]
  chunks: number
  rounds: number
  /** Rounds of those candidates that take half a minute each. */
  slowRounds: number
  samples: number
  replayChunks: number
  handOvers: number
  /** How long one tab of ten is blocked, and how often. */
  blockMs: number
  blockRounds: number
  /** Lengths of streams, the shortest first. */
  lengths: readonly number[]
}

export interface Row {
  tabs: number
  /** Chunks a second in every tab. */
  perSecond: Record<Candidate, number>
}

const CANDIDATES = [
  'headwater',
  'full-text',
  'message-per-chunk',
  'callback-per-chunk',
  'raw-batches',
] as const satisfies readonly Candidate[]

/** Fan-out, every candidate in a fresh profile of its own, one unmeasured round first. */
export async function measureFanOut(
  browser: Browser,
  url: string,
  plan: Plan,
  said: (what: string) => void,
): Promise<Row[]> {
  const rows: Row[] = []
  for (const count of plan.tabs) {
    const perSecond: Partial<Record<Candidate, number>> = {}
    for (const how of CANDIDATES) {
      said(`fan-out to ${count} tabs: ${how}`)
      const tabs = await Tabs.open(browser, url, count)
      const slow = how === 'full-text' || how === 'callback-per-chunk'
      await tabs.round(how, { count: slow ? 500 : plan.chunks, kind: 'token', paceMs: 0 })
      const times: number[] = []
      for (let i = 0; i < (slow ? plan.slowRounds : plan.rounds); i++) {
        times.push(await tabs.round(how, { count: plan.chunks, kind: 'token', paceMs: 0 }))
      }
      perSecond[how] = (plan.chunks / median(times)) * 1000
      await tabs.close()
    }
    rows.push({ tabs: count, perSecond: perSecond as Record<Candidate, number> })
  }
  return rows
}

/** From a server's event stream through the hub to all tabs. */
export async function measureUpstream(
  browser: Browser,
  url: string,
  plan: Plan,
): Promise<{ tabs: number; perSecond: number }[]> {
  const results: { tabs: number; perSecond: number }[] = []
  for (const count of plan.tabs) {
    const tabs = await Tabs.open(browser, url, count)
    const source = new URL(`/events?count=${plan.chunks}`, url).href
    const times: number[] = []
    for (let i = 0; i <= plan.rounds; i++) {
      times.push(await tabs.round('headwater', { count: plan.chunks, kind: 'token', paceMs: 0 }, source))
    }
    results.push({ tabs: count, perSecond: (plan.chunks / median(times.slice(1))) * 1000 })
    await tabs.close()
  }
  return results
}

export interface Delay {
  p50: number
  p99: number
}

/** Bare: one message per chunk. Stored: the same, each chunk in a transaction before. */
const DELAYED = {
  bare: 'message-per-chunk',
  stored: 'stored-message',
  hub: 'headwater',
} as const satisfies Record<string, Candidate>

/** From production in the worker to the callback in a tab that did not start it, at 100 chunks a second, in turns. */
export async function measureDelay(
  browser: Browser,
  url: string,
  plan: Plan,
): Promise<Record<keyof typeof DELAYED, Delay>> {
  const tabs = await Tabs.open(browser, url, 2)
  const feed = { count: plan.samples, kind: 'stamp', paceMs: 10 } as const
  const measured: Record<keyof typeof DELAYED, Delay[]> = { bare: [], stored: [], hub: [] }
  for (let i = 0; i <= plan.rounds; i++) {
    for (const name of ['bare', 'stored', 'hub'] as const) {
      await tabs.round(DELAYED[name], feed)
      const delays = await tabs.page(1).evaluate(() => bench.delays())
      // The first round warms up.
      if (i > 0) measured[name].push({ p50: quantile(delays, 0.5), p99: quantile(delays, 0.99) })
    }
  }
  await tabs.close()
  const middle = (delays: Delay[]): Delay => ({
    p50: median(delays.map(({ p50 }) => p50)),
    p99: median(delays.map(({ p99 }) => p99)),
  })
  return { bare: middle(measured.bare), stored: middle(measured.stored), hub: middle(measured.hub) }
}

/** How long a log takes to be in a page again: milliseconds, medians. */
export interface Replay {
  bareMs: number
  /** By the hub that outlived the page. */
  hubMs: number
  /** By a new one, from when it was there. */
  coldMs: number
  coldConnectMs: number
  records: number
}

/** A stored stream after a reload of the only tab, beside a bare read of its records in the same page. */
export async function measureReplay(browser: Browser, url: string, plan: Plan): Promise<Replay> {
  const tabs = await Tabs.open(browser, url, 1)
  const page = tabs.page(0)
  await tabs.round('headwater', { count: plan.replayChunks, kind: 'line', paceMs: 0 })
  // What a hub joins in the background after the end is part of the log as a reload finds it; whoever is cut off earlier has more records.
  const segments = Math.ceil(plan.replayChunks / SEGMENT_MAX_CHUNKS) + 2
  const compacted = page.waitForFunction(async (most) => (await bench.bareRead()).records <= most, segments)
  await compacted.catch(() => undefined)
  const bare: number[] = []
  const hub: number[] = []
  const cold: number[] = []
  const connect: number[] = []
  let records = 0
  const readBare = async (): Promise<void> => {
    const read = await page.evaluate(() => bench.bareRead())
    if (read.chunks !== plan.replayChunks) throw new Error(`The database holds ${read.chunks} chunks.`)
    records = read.records
    bare.push(read.ms)
  }
  const replay = (): Promise<{ connectMs: number; ms: number }> =>
    page.evaluate((count) => bench.replay('round-1', count), plan.replayChunks)
  for (let i = 0; i <= plan.rounds; i++) {
    await page.reload()
    // In turns, so that neither always finds what the other has warmed.
    if (i % 2 === 0) await readBare()
    hub.push((await replay()).ms)
    if (i % 2 === 1) await readBare()
    await page.goto('about:blank')
    await killHub(tabs.context)
    await page.goto(url)
    const { ms, connectMs } = await replay()
    cold.push(ms)
    connect.push(connectMs)
  }
  await tabs.close()
  return {
    bareMs: median(bare),
    hubMs: median(hub),
    coldMs: median(cold),
    coldConnectMs: median(connect),
    records,
  }
}

/** Tabs of a hand-over, and milliseconds between the chunks of its stream. */
const HAND_OVER_TABS = 4
const HAND_OVER_PACE_MS = 5

/**
 * The hub is killed in mid-stream, again and again: milliseconds from the kill until a tab has the first chunk that upstream sent after it. One
 * figure per kill, that of the slowest tab.
 */
export async function measureHandOver(browser: Browser, url: string, plan: Plan): Promise<number[]> {
  const tabs = await Tabs.open(browser, url, HAND_OVER_TABS)
  const pages = Array.from({ length: HAND_OVER_TABS }, (_, i) => tabs.page(i))
  for (const page of pages) await page.evaluate(() => bench.followStamps('hand-over'))
  const source = new URL(`/stamps?pace=${HAND_OVER_PACE_MS}`, url).href
  await tabs.page(0).evaluate((from) => bench.send('hand-over', from), source)
  const allHave = (time: number): Promise<number[]> =>
    until('every tab to go on', async () => {
      const times = await Promise.all(pages.map((page) => page.evaluate((after) => bench.firstAfter(after), time)))
      return times.every((arrived) => arrived !== null) ? times : null
    })
  await allHave(now())
  const taken: number[] = []
  // The first one warms up.
  for (let i = 0; i <= plan.handOvers; i++) {
    for (const page of pages) await page.evaluate(() => bench.forgetArrivals())
    const killed = await killHub(tabs.context)
    const slowest = Math.max(...(await allHave(killed))) - killed
    if (i > 0) taken.push(slowest)
  }
  await tabs.close()
  return taken
}
