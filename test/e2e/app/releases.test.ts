// Tabs of several releases of the app at once, where they cannot go on together or an old one needs its own scripts.
import { rm } from 'node:fs/promises'
import type { Page } from '@playwright/test'
import { hubScriptsOf, killHub, stopServiceWorkers } from '../harness/browser.ts'
import { expect, test } from '../harness/fixtures.ts'
import { APP_FOLDER, makeLaterRelease } from '../harness/later-release.ts'
import { Pipe } from '../harness/pipe.ts'
import { lines } from '../harness/truth.ts'
import { AppPage } from './app-page.ts'

test.describe('a page of a later release that cannot talk to the hub of an earlier one', () => {
  // There all releases meet one hub: that of the tab that leads.
  test.use({ tier: 'leader-tab', serviceWorkers: 'block', viewport: { width: 390, height: 844 } })

  test('says which versions do not meet and what to do, and offers to reload', async ({
    upstream,
    server,
    network: _,
    context,
  }, testInfo) => {
    upstream.pageFolder = APP_FOLDER
    const old = new AppPage(await context.newPage())
    const pipe = new Pipe(server.url, 'build')
    pipe.write('first\n')
    await old.page.goto(upstream.origin)
    await old.openChannel('build')
    await expect(old.lines).toContainText('first')
    const later = await makeLaterRelease('later', 2)
    try {
      upstream.pageFolder = later
      const young = new AppPage(await context.newPage())
      await young.page.goto(upstream.origin)
      const notice = young.page.locator('hw-notice', { hasText: 'Streams cannot be shown now.' })
      await expect(notice).toContainText('This page speaks version 2 to 2 of the protocol, the hub 1 to 1.')
      await expect(notice).toContainText('Close the other tabs of this site')
      for (const colorScheme of ['light', 'dark'] as const) {
        await young.page.emulateMedia({ colorScheme })
        await young.page.screenshot({ path: testInfo.outputPath(`incompatible-${colorScheme}.png`) })
        expect(await young.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390)
      }
      // Nothing of that reaches the old one.
      pipe.write('second\n')
      await expect(old.lines).toContainText('second')
      await old.page.close()
      await notice.getByRole('button', { name: 'Reload' }).click()
      await young.openChannel('build')
      await expect(young.lines).toContainText('second')
      await expect(young.page.locator('hw-notice')).toHaveCount(0)
      pipe.end()
      await young.expectBadge('done')
    } finally {
      await rm(later, { recursive: true, force: true })
    }
  })
})

/**
 * The new version has taken over and reloaded the page. Chromium first waits until the earlier one is idle. Now and then it starts that once more at
 * this very moment, and then takes half a minute to find it idle, or for ever where a debugger is attached to it, as here: so it is stopped then.
 */
async function expectTakenOver(page: Page): Promise<void> {
  const anew = page.getByText(/A new version is ready|The new version is starting/)
  try {
    await expect(anew).toHaveCount(0, { timeout: 10_000 })
  } catch {
    await expect(anew).toHaveText(/The new version is starting/)
    await stopServiceWorkers(page)
    await expect(anew).toHaveCount(0)
  }
}

test('a tab that stayed with an earlier release starts its own hub offline, until three releases have come since: then it is told to reload', async ({
  upstream,
  server,
  network: _,
  context,
}) => {
  // Four releases of it are installed one after the other.
  test.setTimeout(120_000)
  upstream.pageFolder = APP_FOLDER
  const said = lines(50)
  for (const name of ['build', 'second']) {
    const pipe = new Pipe(server.url, name)
    pipe.write(said.join(''))
    pipe.end()
    await pipe.exit
  }
  const old = new AppPage(await context.newPage())
  // As a tab that was frozen when all others reloaded.
  await old.page.addInitScript(() => {
    navigator.serviceWorker.addEventListener('controllerchange', (event) => event.stopImmediatePropagation())
  })
  await old.page.goto(upstream.origin)
  await old.readyForOffline()
  for (const name of ['second', 'build']) {
    await old.openChannel(name)
    await old.expectBadge('done')
  }
  const [script = ''] = await hubScriptsOf(context)
  const young = new AppPage(await context.newPage())
  await young.page.goto(upstream.origin)
  const releases: string[] = []
  const deploy = async (name: string): Promise<void> => {
    const folder = await makeLaterRelease(name)
    releases.push(folder)
    upstream.pageFolder = folder
    await young.page.evaluate(async () => (await navigator.serviceWorker.getRegistration())?.update())
    await expect(young.page.getByText('A new version is ready.')).toBeVisible()
    await young.page.locator('hw-notice').getByRole('button', { name: 'Reload' }).click()
    await expectTakenOver(young.page)
    await expect(young.entry('build')).toBeVisible()
  }
  try {
    await deploy('two')
    // Two hubs, of two releases; then none, and no server either.
    await expect.poll(() => hubScriptsOf(context)).toHaveLength(2)
    upstream.goDown()
    await killHub(context)
    await old.openChannel('second')
    await expect(old.lines).toContainText(said.at(-1)?.trim() ?? '')
    expect(await hubScriptsOf(context)).toContain(script)
    // The new one, too, needs nobody.
    await young.page.reload()
    await young.openChannel('build')
    await expect(young.lines).toContainText(said.at(-1)?.trim() ?? '')

    upstream.up = true
    for (const name of ['three', 'four']) await deploy(name)
    await killHub(context)
    const notice = old.page.locator('hw-notice', { hasText: 'A script of this page could not be loaded' })
    await expect(notice).toBeVisible()
    // What could not be loaded is listed for a moment.
    await expect.poll(() => hubScriptsOf(context)).not.toContain(script)
    await notice.getByRole('button', { name: 'Reload' }).click()
    await old.openChannel('second')
    await expect(old.lines).toContainText(said.at(-1)?.trim() ?? '')
    await expect.poll(() => hubScriptsOf(context)).toHaveLength(1)
  } finally {
    for (const folder of releases) await rm(folder, { recursive: true, force: true })
  }
})
