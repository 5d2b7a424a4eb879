// Tabs that come and go, again and again, leave nothing behind. HEADWATER_CYCLES says how often; 100 is what is promised.
import { hubHoldings, pageHoldings } from '../harness/browser.ts'
import type { Holdings } from '../harness/browser.ts'
import { expect, test } from '../harness/fixtures.ts'
import { clientsOf, heldLocks } from '../harness/locks.ts'
import { expectSeq, lines } from '../harness/truth.ts'

const CYCLES = Number(process.env['HEADWATER_CYCLES'] ?? 12)
/** What a cycle may add to a heap, in bytes: less than one chunk, port or listener of each would. Compiled code and caches grow by themselves, and stop. */
const SLACK = 256 * 1024 + CYCLES * 1024
/** Cycles after which code is compiled and caches are filled. */
const WARM_UP = 4

function expectSame(who: string, before: Holdings, after: Holdings): void {
  expect({ ports: after.ports, channels: after.channels }, who).toEqual({
    ports: before.ports,
    channels: before.channels,
  })
  expect(after.heap - before.heap, `what the heap of ${who} grew by`).toBeLessThan(SLACK)
}

test(`${CYCLES} tabs that come, read and close, and ${CYCLES} connections of one page, leave no port, lock, proxy or listener behind`, async ({
  upstream,
  tabs,
  context,
}, testInfo) => {
  test.setTimeout(60_000 + CYCLES * 3_000)
  const stream = upstream.script('cycles', { format: 'sse-ids', chunks: lines(60), released: 50, ends: false })
  const [tab] = await tabs(1)
  if (tab === undefined) throw new Error('no tab')
  await tab.send('cycles', { url: stream.path })
  await expectSeq([tab], 'cycles', 50)

  const comeAndGo = async (): Promise<void> => {
    const [visitor] = await tabs(1)
    await visitor?.follow('cycles')
    if (visitor) await expectSeq([visitor], 'cycles', 50)
    await visitor?.page.close()
    await expect.poll(() => clientsOf(tab.page)).toHaveLength(1)
  }
  for (let i = 0; i < WARM_UP; i++) await comeAndGo()
  const before = await hubHoldings(context)
  for (let i = 0; i < CYCLES; i++) await comeAndGo()
  const after = await hubHoldings(context)
  expectSame('the hub', before, after)

  // A page that lets go of its hub and comes back, with readers, listeners and watchers.
  const page = await context.newPage()
  await page.goto(upstream.origin)
  const connections = (count: number): Promise<void> =>
    page.evaluate(async (times) => {
      hw.hub.close()
      for (let i = 0; i < times; i++) {
        const hub = hw.connectHub()
        const channel = hub.channel('cycles')
        channel.on('typing', () => undefined)
        hub.watch(() => undefined)
        void channel.text
        let seq = 0
        for await (const chunk of channel.read()) if ((seq = chunk.seq) === 50) break
        if (seq !== 50) throw new Error(`read ${seq} chunks`)
        hub.close()
      }
    }, count)
  await connections(WARM_UP)
  await expect.poll(() => clientsOf(tab.page)).toHaveLength(1)
  const [hubBefore, pageBefore] = [await hubHoldings(context), await pageHoldings(page)]
  await connections(CYCLES)
  await expect.poll(() => clientsOf(tab.page)).toHaveLength(1)
  const [hubAfter, pageAfter] = [await hubHoldings(context), await pageHoldings(page)]
  expectSame('the hub', hubBefore, hubAfter)
  // Chromium 156 keeps every SharedWorker object of a page, with its port, for as long as that worker lives.
  expectSame('the page', { ...pageBefore, ports: pageBefore.ports + CYCLES }, pageAfter)
  testInfo.annotations.push({
    type: 'heap',
    description: JSON.stringify([before, after, hubAfter, pageBefore, pageAfter]),
  })
  expect(await heldLocks(tab.page, 'hub')).toHaveLength(1)
  expect(await heldLocks(tab.page, 'own')).toHaveLength(1)
  stream.release()
  await expectSeq([tab], 'cycles', 60)
  expect(stream.requests).toHaveLength(1)
})
