import { expect, test } from '../harness/fixtures.ts'
import { AppPage } from './app-page.ts'

/** More than one page of the server's list holds, which is a thousand. */
const CHANNELS = 1_050
/** Requests under way at a time. */
const AT_ONCE = 25

const nameOf = (i: number): string => `job-${String(i).padStart(4, '0')}`

test('a server with more channels than one answer names: all are listed, and what happens to the oldest is seen', async ({
  server,
  context,
}) => {
  const change = async (method: string, name: string): Promise<number> => {
    const headers = { 'content-type': 'text/plain' }
    return (await fetch(`${server.url}/v1/stream/${name}/one`, { method, headers })).status
  }
  for (let i = 0; i < CHANNELS; i += AT_ONCE) {
    const names = Array.from({ length: Math.min(AT_ONCE, CHANNELS - i) }, (_, k) => nameOf(i + k))
    const made = await Promise.all(names.map((name) => change('PUT', name)))
    expect(new Set(made)).toEqual(new Set([201]))
  }

  const page = await context.newPage()
  await page.goto(server.url)
  const app = new AppPage(page)
  const entries = page.locator('hw-channel-list a')
  await expect(entries).toHaveCount(CHANNELS)
  await expect(app.entry(nameOf(0)), 'the oldest, of the second page').toBeAttached()

  expect(await change('DELETE', nameOf(0))).toBe(204)
  await expect(app.entry(nameOf(0))).not.toBeAttached()
  await expect(entries).toHaveCount(CHANNELS - 1)

  await app.openChannel(nameOf(1))
  await expect(page).toHaveURL(new RegExp(`/c/${nameOf(1)}$`))

  // The list of before is there at once, and what is gone meanwhile goes.
  await page.goto('about:blank')
  expect(await change('DELETE', nameOf(2))).toBe(204)
  await page.goto(server.url)
  await expect(entries).toHaveCount(CHANNELS - 2)
  await expect(app.entry(nameOf(2))).not.toBeAttached()
})
