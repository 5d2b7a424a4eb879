// The leader tab, where the browser has no SharedWorker: who leads, and what follows when it no longer does.
import { cachePage, crashTab, leaderOf, withBackForwardCache } from '../harness/browser.ts'
import { expect, test } from '../harness/fixtures.ts'
import type { Tab } from '../harness/fixtures.ts'
import type { ScriptedStream } from '../harness/scripted-stream.ts'
import type { TestUpstream } from '../harness/test-upstream.ts'
import { expectSeq, expectWhole, lines } from '../harness/truth.ts'

test.use({ tier: 'leader-tab', launchOptions: await withBackForwardCache() })

/** Three tabs in mid-stream; the first one leads. */
async function midStream(
  upstream: TestUpstream,
  tabs: (count: number) => Promise<Tab[]>,
): Promise<[stream: ScriptedStream, leader: Tab, others: Tab[]]> {
  const stream = upstream.script('led', { format: 'sse-ids', chunks: lines(300), released: 100, ends: false })
  const [leader, ...others] = await tabs(3)
  if (leader === undefined) throw new Error('no tabs')
  for (const tab of others) await tab.follow('led')
  await leader.send('led', { url: stream.path })
  await expectSeq([leader, ...others], 'led', 100)
  return [stream, leader, others]
}

/** The rest of the stream, for whoever is left. */
async function finish(stream: ScriptedStream, tabs: readonly Tab[]): Promise<void> {
  stream.release()
  stream.end()
  await expectWhole(tabs, 'led', stream.truth.join(''))
  expect(stream.mostOpen).toBe(1)
}

test('all tabs share the hub of the tab that came first', async ({ upstream, tabs, context }) => {
  const [stream, leader, others] = await midStream(upstream, tabs)
  expect((await leaderOf(context)).page).toBe(leader.page)
  const boots = await Promise.all([leader, ...others].map((tab) => tab.bootId()))
  expect(new Set(boots).size).toBe(1)
  expect(context.pages().flatMap((page) => page.workers())).toHaveLength(1)
  await finish(stream, [leader, ...others])
  expect(stream.requests).toHaveLength(1)
})

test('the leader closes: the next tab leads, and all go on where it was', async ({ upstream, tabs, context }) => {
  const [stream, leader, others] = await midStream(upstream, tabs)
  await leader.page.close()
  await finish(stream, others)
  expect((await leaderOf(context)).page).toBe(others[0]?.page)
  expect(stream.requests.map((request) => request.lastEventId)).toEqual([null, '100'])
})

test('the leader crashes: the next tab leads, and all go on where it was', async ({ upstream, tabs, context }) => {
  const [stream, leader, others] = await midStream(upstream, tabs)
  await crashTab(leader.page)
  await finish(stream, others)
  expect((await leaderOf(context)).page).toBe(others[0]?.page)
})

test('the leader reloads: it gets in line again, and shows what the others show', async ({
  upstream,
  tabs,
  context,
}) => {
  const [stream, leader, others] = await midStream(upstream, tabs)
  await leader.reload()
  await leader.follow('led')
  await finish(stream, [leader, ...others])
  expect((await leaderOf(context)).page).toBe(others[0]?.page)
})

test('a leader that goes to the back-forward cache gives up the lead, and catches up when it comes back', async ({
  upstream,
  tabs,
  context,
}) => {
  const [stream, leader, others] = await midStream(upstream, tabs)
  const comeBack = await cachePage(leader.page)
  stream.release(100)
  await expectSeq(others, 'led', 200)
  expect((await leaderOf(context)).page).toBe(others[0]?.page)
  await comeBack()
  await expectSeq([leader], 'led', 200)
  await finish(stream, [leader, ...others])
  expect((await leaderOf(context)).page).toBe(others[0]?.page)
})

test('a leader whose page is busy keeps the lead while its worker answers', async ({ upstream, tabs, context }) => {
  const [stream, leader, others] = await midStream(upstream, tabs)
  const boot = await others[0]?.bootId()
  const busy = leader.page.evaluate(() => {
    // Longer than any deadline for a hub.
    const until = Date.now() + 12_000
    while (Date.now() < until);
  })
  stream.release(100)
  await expectSeq(others, 'led', 200)
  await busy
  await finish(stream, [leader, ...others])
  expect(await others[0]?.bootId()).toBe(boot)
  expect(await leader.bootId()).toBe(boot)
  expect((await leaderOf(context)).page).toBe(leader.page)
})
