import type { BrowserContext, Page } from '@playwright/test'
import type { RunInfo } from '../../../src/protocol/http.ts'
import { dispatchSync, killHub } from '../harness/browser.ts'
import { chromiumOnly } from '../harness/engines.ts'
import { expect, test } from '../harness/fixtures.ts'
import { until } from '../harness/poll.ts'
import type { HeadwaterServer } from '../harness/server.ts'
import { AppPage } from './app-page.ts'

const CHANNEL = 'chat:e2e'
const chatPath = `/c/${encodeURIComponent(CHANNEL)}`

/** The app on a new chat, ready to open without its server. */
async function openChat(context: BrowserContext, server: HeadwaterServer): Promise<AppPage> {
  const app = new AppPage(await context.newPage())
  await app.page.goto(`${server.url}${chatPath}`)
  await app.readyForOffline()
  return app
}

/** The chat's runs on the server, oldest first. */
async function runsOf(server: HeadwaterServer): Promise<RunInfo[]> {
  const answer = await fetch(`${server.url}/v1/channels/${encodeURIComponent(CHANNEL)}`)
  if (!answer.ok) return []
  return ((await answer.json()) as { runs: RunInfo[] }).runs.reverse()
}

const statuses = (app: AppPage): Promise<(string | null)[]> =>
  app.exchanges.evaluateAll((all) =>
    all.map((one) => one.shadowRoot?.querySelector('.status')?.getAttribute('data-status') ?? null),
  )

test('two messages are written while the server is away: they wait, over a reload, and are sent once and in order', async ({
  server,
  context,
}) => {
  const app = await openChat(context, server)
  await server.kill()
  await app.ask('Tell me about rivers')
  await expect.poll(() => statuses(app)).toEqual(['queued'])
  await app.ask('And about lakes')
  await expect.poll(() => statuses(app)).toEqual(['queued', 'queued'])
  await expect(app.exchanges.first()).toContainText('Waiting for the network; it will be sent once.')
  await app.page.reload()
  await expect.poll(() => statuses(app)).toEqual(['queued', 'queued'])
  const other = new AppPage(await context.newPage())
  await other.page.goto(`${server.url}${chatPath}`)
  await expect.poll(() => statuses(other)).toEqual(['queued', 'queued'])
  await server.start()
  for (const tab of [app, other]) {
    await expect(tab.exchanges.locator('table')).toHaveCount(2, { timeout: 45_000 })
    await expect.poll(() => statuses(tab)).toEqual([null, null])
  }
  const asked = await app.exchanges.locator('.user p').allInnerTexts()
  expect(asked).toEqual(['Tell me about rivers', 'And about lakes'])
  await expect.poll(async () => (await runsOf(server)).map(({ status }) => status)).toEqual(['done', 'done'])
  const runs = await runsOf(server)
  // The second was sent when the first had ended.
  expect(runs[1]?.createdAt).toBeGreaterThanOrEqual(runs[0]?.updatedAt ?? Infinity)
})

test('a message that is queued and then cancelled is never sent; the one behind it is', async ({ server, context }) => {
  const app = await openChat(context, server)
  await server.kill()
  await app.ask('Never mind')
  await expect.poll(() => statuses(app)).toEqual(['queued'])
  await app.ask('Tell me about lakes')
  await expect.poll(() => statuses(app)).toEqual(['queued', 'queued'])
  await app.exchanges.first().getByRole('button', { name: 'Do not send' }).click()
  await expect.poll(() => statuses(app)).toEqual(['cancelled', 'queued'])
  await server.start()
  // On its way to the server it shows no status already.
  const runs = async (): Promise<string[]> => (await runsOf(server)).map(({ status }) => status)
  await expect.poll(runs, { timeout: 45_000 }).toEqual(['done'])
  await expect.poll(() => statuses(app)).toEqual(['cancelled', null])
})

test('with no tab open, Background Sync sends what is queued; a tab that opens later has the answer, of one run', async ({
  server,
  context,
}) => {
  const app = await openChat(context, server)
  await server.kill()
  await app.ask('Tell me about rivers')
  await expect.poll(() => statuses(app)).toEqual(['queued'])
  const elsewhere = await context.newPage()
  await app.page.close()
  await killHub(context)
  await server.start()
  expect(await runsOf(server)).toEqual([])
  await dispatchSync(elsewhere, server.url, 'headwater-outbox')
  await until('the run to end', async () => ((await runsOf(server))[0]?.status === 'done' ? true : null))
  const later = new AppPage(await context.newPage())
  await later.page.goto(`${server.url}${chatPath}`)
  await expect(later.exchanges.locator('table')).toHaveCount(1)
  await later.expectBadge('done')
  expect(await runsOf(server)).toHaveLength(1)
})

/** Titles of the notifications that stand now, asked by a page of the app. */
const notices = (page: Page): Promise<{ title: string; body: string; tag: string }[]> =>
  page.evaluate(async () => {
    const shown = await (await navigator.serviceWorker.ready).getNotifications()
    return shown.map(({ title, body, tag }) => ({ title, body, tag }))
  })

test('who wants it is notified of an end with no window open, once and without a word of the answer; who does not is not', async ({
  server,
  context,
}) => {
  chromiumOnly('read notifications')
  await context.grantPermissions(['notifications'], { origin: server.url })
  const app = await openChat(context, server)
  const wish = app.page.getByRole('switch', { name: 'Notify me when a stream ends' })
  await expect(wish).not.toBeChecked()

  const answerElsewhere = async (text: string, run: number): Promise<void> => {
    await app.ask(text)
    await app.expectBadge('live')
    await app.page.goto('about:blank')
    await until('the run to end', async () => ((await runsOf(server))[run]?.status === 'done' ? true : null))
    await app.page.goto(`${server.url}${chatPath}`)
    await app.expectBadge('done')
  }
  await answerElsewhere('Tell me about rivers in 300 words', 0)
  expect(await notices(app.page)).toEqual([])

  await wish.click()
  await expect(wish).toBeChecked()
  await app.page.reload()
  await expect(wish).toBeChecked()
  // While it is looked at, nobody has to be told.
  await app.ask('Tell me about lakes')
  await app.expectBadge('done')
  expect(await notices(app.page)).toEqual([])

  await answerElsewhere('Tell me about seas in 300 words', 2)
  await expect.poll(() => notices(app.page)).toHaveLength(1)
  const [notice] = await notices(app.page)
  expect(notice).toMatchObject({ title: 'Headwater: an answer', body: 'An answer in your chat has finished.' })
  expect(notice?.tag).toMatch(/^headwater:/)
})
