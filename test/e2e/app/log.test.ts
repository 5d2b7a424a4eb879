import type { BrowserContext } from '@playwright/test'
import { killHub } from '../harness/browser.ts'
import { expect, test } from '../harness/fixtures.ts'
import { Pipe } from '../harness/pipe.ts'
import { lines } from '../harness/truth.ts'
import { AppPage } from './app-page.ts'

async function openApp(context: BrowserContext, url: string): Promise<AppPage> {
  const page = await context.newPage()
  await page.goto(url)
  return new AppPage(page)
}

test('a piped command appears by itself, and runs live in two tabs and a late one', async ({ server, context }) => {
  const said = lines(400)
  const first = await openApp(context, server.url)
  const second = await openApp(context, server.url)
  const pipe = new Pipe(server.url, 'build')
  pipe.write(said.slice(0, 200).join(''))
  for (const app of [first, second]) {
    await app.openChannel('build')
    await expect(app.lines).toContainText('line 200')
    await app.expectBadge('live')
  }
  const late = await openApp(context, `${server.url}/c/build`)
  await expect(late.lines).toContainText('line 200')
  const watched = await first.watchLines()
  pipe.write(said.slice(200).join(''))
  pipe.end()
  for (const app of [first, second, late]) {
    await app.expectBadge('done')
    await expect(app.lines).toContainText('line 400')
    expect(await app.download()).toBe(said.join(''))
  }
  const { looks, empty } = await watched()
  expect([looks > 0, empty], 'a log that is followed is never empty in between').toEqual([true, 0])
})

test('eight tabs of the app on one run: the server counts one reader of it', async ({ server, context }) => {
  const pipe = new Pipe(server.url, 'eight')
  pipe.write('here\n')
  await server.newestRun('eight')
  const apps: AppPage[] = []
  for (let i = 0; i < 8; i++) apps.push(await openApp(context, `${server.url}/c/eight`))
  for (const app of apps) await expect(app.lines).toContainText('here')
  expect(await server.metric('headwater_stream_readers', '"eight/')).toBe(1)
  pipe.end()
  for (const app of apps) await app.expectBadge('done')
})

test('an end, a failing exit status and an interrupt look different', async ({ server, context }) => {
  const app = await openApp(context, server.url)
  const end = new Pipe(server.url, 'ends', ['sh', '-c', 'echo a'])
  const failure = new Pipe(server.url, 'fails', ['sh', '-c', 'echo a; exit 3'])
  const interrupted = new Pipe(server.url, 'interrupted')
  interrupted.write('a\n')
  await server.newestRun('interrupted')
  expect([await end.exit, await failure.exit, await interrupted.signal('SIGINT')]).toEqual([0, 3, 130])
  const badge = (channel: string): string => `hw-channel-list a[title="${channel}"] hw-status-badge`
  await expect(app.page.locator(badge('ends'))).toHaveAttribute('data-status', 'done')
  await expect(app.page.locator(badge('fails'))).toHaveAttribute('data-status', 'failed')
  await expect(app.page.locator(badge('fails'))).toContainText('3')
  await expect(app.page.locator(badge('interrupted'))).toHaveAttribute('data-status', 'cancelled')
})

test('the hub is killed in mid-stream: the log goes on and is byte-identical', async ({ server, context }) => {
  const said = lines(600)
  const pipe = new Pipe(server.url, 'build')
  pipe.write(said.slice(0, 300).join(''))
  await server.newestRun('build')
  const apps = [await openApp(context, `${server.url}/c/build`), await openApp(context, `${server.url}/c/build`)]
  for (const app of apps) await expect(app.lines).toContainText('line 300')
  await killHub(context)
  pipe.write(said.slice(300).join(''))
  pipe.end()
  for (const app of apps) {
    await app.expectBadge('done')
    expect(await app.download()).toBe(said.join(''))
  }
})

test('offline: the server stops in mid-pipe, the app opens from its service worker with all that was received, and pipe and page go on by themselves', async ({
  server,
  context,
}) => {
  const said = lines(900)
  const app = await openApp(context, server.url)
  await app.readyForOffline()
  const pipe = new Pipe(server.url, 'build')
  pipe.write(said.slice(0, 300).join(''))
  await app.openChannel('build')
  await expect(app.lines).toContainText('line 300')
  await server.stop()
  pipe.write(said.slice(300, 600).join(''))
  await app.page.reload()
  await expect(app.lines).toContainText('line 300')
  await expect(app.page.getByText(/cannot be reached/).first()).toBeVisible()
  expect(await app.download()).toBe(said.slice(0, 300).join(''))
  await server.start()
  await expect(app.lines).toContainText('line 600', { timeout: 40_000 })
  pipe.write(said.slice(600).join(''))
  pipe.end()
  expect(await pipe.exit).toBe(0)
  await app.expectBadge('done')
  expect(await app.download()).toBe(said.join(''))
  await expect(app.page.getByText(/cannot be reached/)).toHaveCount(0)
})
