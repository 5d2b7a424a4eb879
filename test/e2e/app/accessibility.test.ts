import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from '@playwright/test'
import { expect, test } from '../harness/fixtures.ts'
import { Pipe } from '../harness/pipe.ts'
import { AppPage } from './app-page.ts'

/**
 * What axe finds in a page, in light and, of colours, in dark: nothing else depends on the scheme. Its legacy mode differs for frames alone, of which
 * there are none, and is the one that runs in Firefox too.
 */
async function faults(page: Page): Promise<string[]> {
  const found: string[] = []
  for (const [colorScheme, axe] of [
    ['light', new AxeBuilder({ page })],
    ['dark', new AxeBuilder({ page }).withRules(['color-contrast', 'link-in-text-block'])],
  ] as const) {
    await page.emulateMedia({ colorScheme })
    const { violations } = await axe.setLegacyMode().analyze()
    found.push(
      ...violations.map(({ id, nodes }) => `${colorScheme}: ${id}: ${nodes.map(({ html }) => html).join(' | ')}`),
    )
  }
  return found
}

test('welcome, log and chat have no fault that axe can see', async ({ server, browser }) => {
  const context = await browser.newContext()
  const app = new AppPage(await context.newPage())
  const failing = new Pipe(server.url, 'build', ['sh', '-c', 'printf "plain\\n\\033[31mred\\033[0m\\n"; exit 3'])
  expect(await failing.exit).toBe(3)
  await app.page.goto(server.url)
  await expect(app.entry('build')).toBeVisible()
  expect(await faults(app.page)).toEqual([])
  await app.openChannel('build')
  await app.expectBadge('failed')
  expect(await faults(app.page)).toEqual([])
  await app.page.goto(`${server.url}/c/${encodeURIComponent('chat:axe')}`)
  await app.ask('Tell me about rivers')
  await app.expectBadge('done')
  await expect(app.exchanges.locator('table')).toHaveCount(1)
  expect(await faults(app.page)).toEqual([])
  await context.close()
})

test('no screen of a phone has a fault that axe can see, or scrolls sideways', async ({ server, browser }) => {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 } })
  const app = new AppPage(await context.newPage())
  const expectSound = async (screen: string): Promise<void> => {
    expect(await faults(app.page), screen).toEqual([])
    expect(await app.page.evaluate(() => document.documentElement.scrollWidth), screen).toBeLessThanOrEqual(390)
  }
  await app.page.goto(server.url)
  await expect(app.page.getByText('No channels yet')).toBeVisible()
  await expectSound('no channels')
  await app.readyForOffline()
  const colours = ['1;31', '7', '2', '38;5;33', '38;5;226', '38;2;20;20;60', '30;48;5;226']
  const said = `plain\\n${colours.map((colour) => `\\033[${colour}min ${colour.replaceAll(';', ' ')}\\033[0m `).join('')}`
  const long = 'a-name-that-is-longer-than-any-telephone-is-wide-and-has-no-space-in-it'
  const failing = new Pipe(server.url, long, ['sh', '-c', `printf "${said}"; exit 3`])
  expect(await failing.exit).toBe(3)
  const pipe = new Pipe(server.url, 'build')
  pipe.write('compiling\n')
  await expect(app.entry('build')).toBeVisible()
  await expectSound('list')
  await app.openChannel(long)
  await app.expectBadge('failed')
  await expect(app.lines).toContainText('in 7')
  await expectSound('failed log')
  await app.page.goto(`${server.url}/c/${encodeURIComponent('chat:phone')}`)
  await expectSound('empty chat')
  await app.ask('Tell me about rivers')
  await app.expectBadge('done')
  await expect(app.exchanges.locator('table')).toHaveCount(1)
  await expect(app.exchanges.locator('pre')).not.toHaveCount(0)
  await expectSound('chat')
  await app.page.goto(`${server.url}/c/build`)
  await app.expectBadge('live')
  await expectSound('live log')
  await server.stop()
  await expect(app.page.getByText(/cannot be reached/).first()).toBeVisible({ timeout: 30_000 })
  await expectSound('offline')
  await app.page.reload()
  await expect(app.lines).toContainText('compiling')
  await expectSound('offline after a reload')
  await pipe.signal('SIGKILL')
  await context.close()
})
