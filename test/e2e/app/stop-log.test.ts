import { expect, test } from '../harness/fixtures.ts'
import { Pipe } from '../harness/pipe.ts'
import { AppPage } from './app-page.ts'

/** A second for the cancel to reach the command, and room for a busy machine. */
const SOON_MS = 5_000

test('Stop on a log cancels the run on the server and ends the command that pipe runs, in every tab', async ({
  server,
  context,
}) => {
  // It says one thing and then nothing: no append tells pipe that the stream is closed.
  const pipe = new Pipe(server.url, 'endless', ['sh', '-c', 'echo begun; echo pid $$; exec sleep 600'])
  const apps = [new AppPage(await context.newPage()), new AppPage(await context.newPage())] as const
  for (const app of apps) {
    await app.page.goto(`${server.url}/c/endless`)
    await expect(app.lines).toContainText('begun')
    await app.expectBadge('live')
  }
  const pid = Number(/pid (\d+)/.exec(await apps[0].lines.innerText())?.[1])
  expect(pid).toBeGreaterThan(1)
  await apps[0].button('Stop').click()
  await expect.poll(() => pipe.running, { intervals: [20], timeout: SOON_MS }).toBe(false)
  expect(await pipe.exit).toBe(1)
  expect(pipe.stderr).toContain('cancelled from elsewhere; the command was stopped')
  expect(() => process.kill(pid, 0)).toThrow()
  for (const app of apps) await app.expectBadge('cancelled')
  const { runs } = (await (await fetch(`${server.url}/v1/channels/endless`)).json()) as { runs: { status: string }[] }
  expect(runs.map(({ status }) => status)).toEqual(['cancelled'])
})

test('Stop on an earlier run that is still live cancels that run, and not the newest', async ({ server, context }) => {
  new Pipe(server.url, 'twice').write('of the first\n')
  const first = await server.newestRun('twice')
  const app = new AppPage(await context.newPage())
  await app.page.goto(`${server.url}/c/twice`)
  await expect(app.lines).toContainText('of the first')
  const second = new Pipe(server.url, 'twice')
  second.write('of the second\n')
  await expect(app.lines).toContainText('of the second')
  await app.page.getByRole('combobox', { name: 'Run' }).selectOption(first)
  await expect(app.lines).toContainText('of the first')
  await app.expectBadge('live')
  await app.button('Stop').click()
  await app.expectBadge('cancelled')
  const { runs } = (await (await fetch(`${server.url}/v1/channels/twice`)).json()) as { runs: { status: string }[] }
  expect(runs.map(({ status }) => status)).toEqual(['live', 'cancelled'])
  second.end()
  expect(await second.exit).toBe(0)
})
