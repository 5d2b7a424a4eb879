import { rm } from 'node:fs/promises'
import { stopServiceWorkers } from '../harness/browser.ts'
import { expect, test } from '../harness/fixtures.ts'
import { Pipe } from '../harness/pipe.ts'
import { APP_FOLDER, makeLaterRelease } from '../harness/later-release.ts'
import { lines } from '../harness/truth.ts'
import { AppPage } from './app-page.ts'

test('a new release in the middle of a live stream: it waits to be let in, then all tabs reload once and the stream goes on whole', async ({
  upstream,
  server,
  network: _,
  context,
}, testInfo) => {
  upstream.pageFolder = APP_FOLDER
  const said = lines(600)
  const first = new AppPage(await context.newPage())
  const apps = [first, new AppPage(await context.newPage())]
  for (const app of apps) {
    await app.page.goto(upstream.origin)
    await app.readyForOffline()
  }
  const pipe = new Pipe(server.url, 'build')
  pipe.write(said.slice(0, 200).join(''))
  for (const app of apps) {
    await app.openChannel('build')
    await expect(app.lines).toContainText('line 200')
  }
  const later = await makeLaterRelease()
  try {
    upstream.pageFolder = later
    const loads = apps.map((app) => {
      const seen: string[] = []
      app.page.on('load', () => seen.push(app.page.url()))
      return seen
    })
    await first.page.evaluate(async () => (await navigator.serviceWorker.getRegistration())?.update())
    for (const app of apps) await expect(app.page.getByText('A new version is ready.')).toBeVisible()
    // Nothing reloads unasked, and the stream goes on meanwhile.
    pipe.write(said.slice(200, 400).join(''))
    for (const app of apps) await expect(app.lines).toContainText('line 400')
    expect(loads).toEqual([[], []])

    // A browser that takes its time to let it in, as Chromium now and then does: nothing makes it do so when asked.
    await first.page.evaluate(() => {
      const { postMessage } = ServiceWorker.prototype
      ServiceWorker.prototype.postMessage = function (this: ServiceWorker, message: unknown) {
        Object.assign(globalThis, { letIn: () => postMessage.call(this, message) })
      }
    })
    const notice = first.page.locator('hw-notice')
    await notice.getByRole('button', { name: 'Reload' }).click()
    await expect(first.page.getByText('The new version is starting.')).toBeVisible()
    await expect(notice.getByRole('button')).toHaveCount(0)
    await first.page.screenshot({ path: testInfo.outputPath('starting.png') })
    expect(loads).toEqual([[], []])
    await first.page.evaluate(() => (globalThis as unknown as { letIn: () => void }).letIn())
    for (const seen of loads) await expect.poll(() => seen.length).toBe(1)
    pipe.write(said.slice(400).join(''))
    pipe.end()
    for (const app of apps) {
      await app.expectBadge('done')
      expect(await app.download()).toBe(said.join(''))
    }
    for (const seen of loads) expect(seen).toHaveLength(1)
    expect(await server.metric('headwater_stream_readers', '"build/')).toBe(0)
  } finally {
    await rm(later, { recursive: true, force: true })
  }
})

test('fault 19: a service worker that is stopped in mid-stream takes nothing with it', async ({ server, context }) => {
  const said = lines(300)
  const app = new AppPage(await context.newPage())
  await app.page.goto(server.url)
  await app.readyForOffline()
  const pipe = new Pipe(server.url, 'build')
  pipe.write(said.slice(0, 100).join(''))
  await app.openChannel('build')
  await expect(app.lines).toContainText('line 100')
  await stopServiceWorkers(app.page)
  pipe.write(said.slice(100).join(''))
  pipe.end()
  await app.expectBadge('done')
  expect(await app.download()).toBe(said.join(''))
})
