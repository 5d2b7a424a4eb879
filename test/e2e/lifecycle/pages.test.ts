// Pages that are hidden and duplicated.
import type { Page } from '@playwright/test'
import { Tab, expect, test } from '../harness/fixtures.ts'
import { clientsOf } from '../harness/locks.ts'
import { expectSeq, expectWhole, lines } from '../harness/truth.ts'

/** Hides a tab or shows it, as far as its page can tell. */
const setHidden = (page: Page, hidden: boolean): Promise<void> =>
  page.evaluate((now) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => now })
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => (now ? 'hidden' : 'visible') })
    document.dispatchEvent(new Event('visibilitychange'))
  }, hidden)

test('a tab that is hidden for a minute and reads nothing lets go of its hub, and jumps to the present when it is shown', async ({
  upstream,
  tabs,
  context,
}) => {
  const stream = upstream.script('hidden', { format: 'sse-ids', chunks: lines(3_000), released: 10, ends: false })
  const [reading] = await tabs(1)
  if (reading === undefined) throw new Error('no tab')
  const page = await context.newPage()
  await page.clock.install()
  await page.goto(upstream.origin)
  const shown = await page.evaluateHandle(() => {
    const channel = hw.hub.channel('hidden')
    const shown = { channel, changes: 0 }
    channel.subscribe(() => {
      shown.changes += 1
      void channel.text
    })
    void channel.text
    return shown
  })
  const seq = (): Promise<number> => shown.evaluate(({ channel }) => channel.seq)
  await reading.send('hidden', { url: stream.path })
  await expect.poll(seq).toBe(10)
  for (const each of [page, reading.page]) await setHidden(each, true)
  expect(await clientsOf(page)).toHaveLength(2)
  await page.clock.fastForward(61_000)
  await expect.poll(() => clientsOf(reading.page)).toHaveLength(1)
  stream.release()
  stream.end()
  await expectWhole([reading], 'hidden', stream.truth.join(''))
  expect(await seq()).toBe(10)
  const before = await shown.evaluate(({ changes }) => changes)
  await setHidden(page, false)
  await expect.poll(() => shown.evaluate(({ channel }) => channel.status)).toBe('done')
  expect(await shown.evaluate(({ channel }) => channel.text)).toBe(stream.truth.join(''))
  // One batch, its status, and what the attachment itself says.
  expect((await shown.evaluate(({ changes }) => changes)) - before).toBeLessThanOrEqual(4)
})

test('a hidden tab that let go of its hub still sends what it is asked to send', async ({ upstream, tabs }) => {
  const stream = upstream.script('asleep', { format: 'sse-ids', chunks: lines(20) })
  const [tab] = await tabs(1)
  if (tab === undefined) throw new Error('no tab')
  const page = await tab.page.context().newPage()
  await page.clock.install()
  await page.goto(upstream.origin)
  await page.evaluate(() => hw.hub.ready.then(() => undefined))
  await setHidden(page, true)
  await page.clock.fastForward(61_000)
  await expect.poll(() => clientsOf(tab.page)).toHaveLength(1)
  const woken = new Tab(page)
  await woken.send('asleep', { url: stream.path })
  await expectWhole([woken], 'asleep', stream.truth.join(''))
})

test('fault 18: a duplicated tab is a client of its own, and nothing of the first is copied', async ({
  upstream,
  tabs,
}) => {
  const stream = upstream.script('f18', { format: 'sse-ids', chunks: lines(60), released: 20, ends: false })
  const [first] = await tabs(1)
  if (first === undefined) throw new Error('no tab')
  await first.send('f18', { url: stream.path })
  await expectSeq([first], 'f18', 20)
  const opened = first.page.waitForEvent('popup')
  // Of the same browsing context group: its sessionStorage begins as a copy.
  await first.page.evaluate(() => void open(location.href))
  const copy = new Tab(await opened)
  await copy.page.waitForFunction(() => 'hw' in globalThis)
  await copy.follow('f18')
  await expectSeq([copy], 'f18', 20)
  expect(new Set(await clientsOf(copy.page)).size).toBe(2)
  expect(await copy.page.evaluate(() => [sessionStorage.length, localStorage.length])).toEqual([0, 0])
  await copy.page.close()
  await expect.poll(() => clientsOf(first.page)).toHaveLength(1)
  stream.release()
  stream.end()
  await expectWhole([first], 'f18', stream.truth.join(''))
  expect(stream.requests).toHaveLength(1)
})
