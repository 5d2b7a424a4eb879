import { AxeBuilder } from '@axe-core/playwright'
import { expect, test } from '../harness/fixtures.ts'
import { Pipe } from '../harness/pipe.ts'
import { AppPage } from './app-page.ts'

for (const colorScheme of ['light', 'dark'] as const) {
  test(`welcome, log and chat have no fault that axe can see (${colorScheme})`, async ({ server, browser }) => {
    const context = await browser.newContext({ colorScheme })
    const app = new AppPage(await context.newPage())
    const faults = async (): Promise<string[]> => {
      const { violations } = await new AxeBuilder({ page: app.page }).analyze()
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`)
    }
    const failing = new Pipe(server.url, 'build', ['sh', '-c', 'printf "plain\\n\\033[31mred\\033[0m\\n"; exit 3'])
    expect(await failing.exit).toBe(3)
    await app.page.goto(server.url)
    await expect(app.entry('build')).toBeVisible()
    expect(await faults()).toEqual([])
    await app.openChannel('build')
    await app.expectBadge('failed')
    expect(await faults()).toEqual([])
    await app.page.goto(`${server.url}/c/${encodeURIComponent('chat:axe')}`)
    await app.ask('Tell me about rivers')
    await app.expectBadge('done')
    await expect(app.exchanges.locator('table')).toHaveCount(1)
    expect(await faults()).toEqual([])
    await context.close()
  })
}
