import type { BrowserContext, Locator } from '@playwright/test'
import { killHub } from '../harness/browser.ts'
import { expect, test } from '../harness/fixtures.ts'
import { HeadwaterServer } from '../harness/server.ts'
import { AppPage } from './app-page.ts'

/** Two tabs of one new chat. */
async function twoTabs(context: BrowserContext, server: HeadwaterServer): Promise<[AppPage, AppPage]> {
  const pages: AppPage[] = []
  for (let i = 0; i < 2; i++) {
    const page = await context.newPage()
    await page.goto(`${server.url}/c/${encodeURIComponent('chat:e2e')}`)
    pages.push(new AppPage(page))
  }
  const [first, second] = pages
  if (first === undefined || second === undefined) throw new Error('no pages')
  return [first, second]
}

/** The element that has its page's focus, which in Firefox another tab may be in front of. */
async function expectFocus(locator: Locator): Promise<void> {
  const isActive = (): Promise<boolean> =>
    locator.evaluate((element) => (element.getRootNode() as Document | ShadowRoot).activeElement === element)
  await expect.poll(isActive).toBe(true)
}

test('an answer streams into both tabs, is stored once, and stands once after a reload', async ({
  server,
  context,
}) => {
  const both = await twoTabs(context, server)
  await both[0].ask('Tell me about rivers')
  await expectFocus(both[0].button('Send'))
  for (const app of both) {
    await expect(app.exchanges).toHaveCount(1)
    await expect(app.exchanges).toContainText('Tell me about rivers')
    await app.expectBadge('done')
    await expect(app.exchanges.locator('table')).toHaveCount(1)
  }
  const [shown, other] = await Promise.all(both.map((app) => app.exchanges.innerText()))
  expect(other).toBe(shown)
  await both[1].page.reload()
  await expect(both[1].exchanges).toHaveCount(1)
  await expect(both[1].exchanges.locator('table')).toHaveCount(1)
  expect(await both[1].exchanges.innerText()).toBe(shown)
  // The next turn stands below the first, in the other tab as well.
  await both[1].ask('And lakes?')
  for (const app of both) {
    await expect(app.exchanges).toHaveCount(2)
    await app.expectBadge('done')
  }
  const conversation = both[0].page.getByRole('region', { name: 'Conversation' })
  await conversation.evaluate((scroller) => scroller.scrollTo(0, 0))
  await both[0].button('Jump to end').click()
  await expectFocus(conversation)
})

test('the hub is killed in the middle of an answer: one run, the same whole answer in both tabs', async ({
  server,
  context,
}) => {
  const both = await twoTabs(context, server)
  await both[0].ask('Tell me about rivers in 300 words')
  for (const app of both) await app.expectBadge('live')
  await killHub(context)
  for (const app of both) await app.expectBadge('done')
  const [shown, other] = await Promise.all(both.map((app) => app.exchanges.innerText()))
  expect(other).toBe(shown)
  const answer = await fetch(`${server.url}/v1/channels/${encodeURIComponent('chat:e2e')}`)
  expect(((await answer.json()) as { runs: unknown[] }).runs).toHaveLength(1)
})

test('Pause, Continue and Stop work from either tab and are seen in both', async ({ context }) => {
  const server = await HeadwaterServer.start({ HEADWATER_DEMO_DELAY_MS: '25' })
  try {
    const both = await twoTabs(context, server)
    await both[0].ask('Tell me about rivers in 2000 words')
    for (const app of both) await app.expectBadge('live')
    await both[1].button('Pause').click()
    for (const app of both) await app.expectBadge('paused')
    await both[0].button('Continue').click()
    for (const app of both) await app.expectBadge('live')
    await both[1].button('Stop').click()
    for (const app of both) await app.expectBadge('cancelled')
    await expect(both[0].button('Try again')).toBeVisible()
  } finally {
    await server.close()
  }
})
