// Pages in the back-forward cache, where the hub is a shared worker. Of the leader tab: leader-tab.test.ts.
import { cachePage, killHub, withBackForwardCache } from '../harness/browser.ts'
import { expect, test } from '../harness/fixtures.ts'
import { clientsOf } from '../harness/locks.ts'
import { expectPrefix, expectSeq, expectWhole, lines } from '../harness/truth.ts'

test.use({ launchOptions: await withBackForwardCache() })

/** It has nothing to wait for: longer than that, and it waited for somebody's deadline. */
const AT_ONCE = { timeout: 5_000 }

test('a page that comes back from the cache has at once what it missed, each chunk once', async ({
  upstream,
  tabs,
}) => {
  const stream = upstream.script('cached', { format: 'sse-ids', chunks: lines(3_000), released: 100, ends: false })
  const [tab, other] = await tabs(2)
  if (tab === undefined || other === undefined) throw new Error('no tabs')
  await other.follow('cached')
  await tab.send('cached', { url: stream.path })
  await expectSeq([tab, other], 'cached', 100)
  const boot = await tab.bootId()
  const comeBack = await cachePage(tab.page)
  // It holds nothing of the hub's meanwhile, so that nothing can call it.
  await expect.poll(() => clientsOf(other.page)).toHaveLength(1)
  stream.release(2_000)
  await expectSeq([other], 'cached', 2_100)
  await comeBack()
  await expect.poll(() => tab.seq('cached'), AT_ONCE).toBe(2_100)
  await expectPrefix(tab, 'cached', stream.truth.join(''))
  expect(await tab.bootId()).toBe(boot)
  stream.release()
  stream.end()
  await expectWhole([tab, other], 'cached', stream.truth.join(''))
  expect(stream.requests).toHaveLength(1)
  expect(await clientsOf(tab.page)).toHaveLength(2)
})

for (const alone of [true, false]) {
  test(`a page whose hub was killed while it was in the cache${alone ? ', and which is the only one,' : ''} finds the next hub`, async ({
    upstream,
    tabs,
    context,
  }) => {
    const stream = upstream.script('killed', { format: 'sse-ids', chunks: lines(300), released: 100, ends: false })
    const [tab, ...others] = await tabs(alone ? 1 : 2)
    if (tab === undefined) throw new Error('no tabs')
    for (const other of others) await other.follow('killed')
    await tab.send('killed', { url: stream.path })
    await expectSeq([tab, ...others], 'killed', 100)
    const boot = await tab.bootId()
    const comeBack = await cachePage(tab.page)
    await killHub(context)
    stream.release(100)
    await expectSeq(others, 'killed', 200)
    await comeBack()
    await expect.poll(() => tab.seq('killed'), AT_ONCE).toBe(200)
    await expectPrefix(tab, 'killed', stream.truth.join(''))
    expect(await tab.bootId()).not.toBe(boot)
    stream.release()
    stream.end()
    await expectWhole([tab, ...others], 'killed', stream.truth.join(''))
    expect(stream.requests.map(({ lastEventId }) => lastEventId)).toEqual([null, '100'])
  })
}

test.describe('a page alone', () => {
  test.use({ tier: 'page' })

  test('comes back to the hub that it had, with all that was in its memory', async ({ upstream, tabs }) => {
    const stream = upstream.script('kept', { format: 'sse-ids', chunks: lines(100) })
    const [tab] = await tabs(1)
    if (tab === undefined) throw new Error('no tab')
    await tab.send('kept', { url: stream.path })
    await expectWhole([tab], 'kept', stream.truth.join(''))
    const boot = await tab.bootId()
    const comeBack = await cachePage(tab.page)
    await comeBack()
    await expect.poll(() => tab.bootId(), AT_ONCE).toBe(boot)
    await expectWhole([tab], 'kept', stream.truth.join(''))
    expect(stream.requests).toHaveLength(1)
  })
})
