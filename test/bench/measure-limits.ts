// What must not grow: the delay of others with a tab that is blocked, and memory with the length of a stream.
import type { Browser } from 'playwright'
import { hubHoldings } from '../e2e/harness/browser.ts'
import { until } from '../e2e/harness/poll.ts'
import { now } from './pages/feed.ts'
import { median, quantile, Tabs } from './tabs.ts'
import type { Delay } from './measure.ts'

const BLOCKED_TABS = 10
/** 1,000 chunks a second, for as long as the tab is blocked and a second before and after. */
const PACED = { kind: 'stamp', paceMs: 10, perRead: 10 } as const

/** Delays in nine tabs while the tenth is blocked, in turns with the same ten when none is. */
export async function measureBlocked(
  browser: Browser,
  url: string,
  blockMs: number,
  rounds: number,
): Promise<{ free: Delay; blocked: Delay }> {
  const tabs = await Tabs.open(browser, url, BLOCKED_TABS)
  const served = Array.from({ length: BLOCKED_TABS - 1 }, (_, i) => tabs.page(i))
  const victim = tabs.page(BLOCKED_TABS - 1)
  const round = async (name: string, block: boolean): Promise<Delay> => {
    for (const page of [...served, victim]) {
      await page.evaluate(() => bench.forgetArrivals())
      await page.evaluate((channel) => bench.followStamps(channel), name)
    }
    const feed = { ...PACED, count: blockMs + 2_000 }
    await tabs.page(0).evaluate(([channel, what]) => bench.send(channel, what), [name, feed] as const)
    await until('the first chunks', async () => (await served[0]?.evaluate(() => bench.firstAfter(0))) ?? null)
    const from = now()
    if (block) await victim.evaluate((ms) => bench.block(ms), blockMs)
    else await new Promise((resolve) => setTimeout(resolve, blockMs))
    const to = now()
    const delays = (
      await Promise.all(served.map((page) => page.evaluate(([a, b]) => bench.delaysBetween(a, b), [from, to] as const)))
    ).flat()
    // What is left of the stream is not measured, but the next round must not meet it.
    await until('the last chunk in the tab that was blocked', async () => {
      const last = await victim.evaluate((after) => bench.firstAfter(after), to)
      return last ?? (block ? null : 0)
    })
    return { p50: quantile(delays, 0.5), p99: quantile(delays, 0.99) }
  }
  await round('warm-up', false)
  const free: Delay[] = []
  const blocked: Delay[] = []
  for (let i = 0; i < rounds; i++) {
    free.push(await round(`free-${i}`, false))
    blocked.push(await round(`blocked-${i}`, true))
  }
  await tabs.close()
  const middle = (all: Delay[]): Delay => ({
    p50: median(all.map(({ p50 }) => p50)),
    p99: median(all.map(({ p99 }) => p99)),
  })
  return { free: middle(free), blocked: middle(blocked) }
}

export interface Length {
  chunks: number
  /** Of the hub, in bytes, after its garbage is collected: with the stream just ended, and after a late tab read it all. */
  heap: number
  heapLate: number
  /** From the start to the last chunk in the tab that reads live. */
  liveMs: number
  /** In a late tab: the first chunk, and the last one. */
  firstMs: number
  lateMs: number
  /** In a late tab: the first of the last 100 chunks, median. */
  tailMs: number
}

/** Streams of several lengths, one after the other in one hub: what depends on the length, and what does not. */
export async function measureLengths(browser: Browser, url: string, lengths: readonly number[]): Promise<Length[]> {
  const tabs = await Tabs.open(browser, url, 2)
  const [reading, late] = [tabs.page(0), tabs.page(1)]
  const measured: Length[] = []
  // The first one warms up.
  for (const [i, chunks] of [10_000, ...lengths].entries()) {
    const name = `long-${i}`
    const read = reading.evaluate(([channel, count]) => bench.readThrough(channel, count), [name, chunks] as const)
    await reading.evaluate(([channel, count]) => bench.send(channel, { count, kind: 'token', paceMs: 0 }), [
      name,
      chunks,
    ] as const)
    const { ms: liveMs } = await read
    const { heap } = await hubHoldings(tabs.context)
    const tails: number[] = []
    for (let k = 0; k < 9; k++) tails.push(await late.evaluate((channel) => bench.readTail(channel, 100), name))
    const { firstMs, ms: lateMs } = await late.evaluate(([channel, count]) => bench.readThrough(channel, count), [
      name,
      chunks,
    ] as const)
    const { heap: heapLate } = await hubHoldings(tabs.context)
    if (i > 0) measured.push({ chunks, heap, heapLate, liveMs, firstMs, lateMs, tailMs: median(tails) })
  }
  await tabs.close()
  return measured
}
