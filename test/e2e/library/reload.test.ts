import { expect, test } from '../harness/fixtures.ts'
import { expectSeq, expectWhole, lines } from '../harness/truth.ts'

test('a reload in mid-stream comes back with everything and goes on live, over the same connection where a hub outlives its tab', async ({
  upstream,
  tabs,
  tier,
  browserName,
}) => {
  const stream = upstream.script('reload', { format: 'sse-ids', chunks: lines(120), released: 70, ends: false })
  const [tab] = await tabs(1)
  if (tab === undefined) throw new Error('no tab')
  await tab.send('reload', { url: stream.path })
  await expectSeq([tab], 'reload', 70)
  const boot = await tab.bootId()
  await tab.reload()
  await tab.follow('reload')
  await expectSeq([tab], 'reload', 70)
  const survives = browserName === 'chromium' && tier === 'shared-worker'
  if (survives) await expect.poll(() => tab.status('reload')).toBe('streaming')
  stream.release(10)
  await expectSeq([tab], 'reload', 80)
  stream.release()
  stream.end()
  await expectWhole([tab], 'reload', stream.truth.join(''))
  // Chromium 148 and newer keep a SharedWorker over a reload (extendedLifetime), Firefox 153 does not, and its next hub goes on where the last
  // one left, as that of a leader tab does. A test that fails here has noticed a change of the browser's.
  expect((await tab.bootId()) === boot).toBe(survives)
  expect(stream.requests.map((request) => request.lastEventId)).toEqual(survives ? [null] : [null, '70'])
  expect(stream.mostOpen).toBe(1)
})

test('what ended while no tab was there is whole when one comes back', async ({ upstream, tabs, context }) => {
  const stream = upstream.script('away', { format: 'sse-ids', chunks: lines(80), released: 30, ends: false })
  const [tab] = await tabs(1)
  if (tab === undefined) throw new Error('no tab')
  await tab.send('away', { url: stream.path })
  await expectSeq([tab], 'away', 30)
  await tab.page.goto('about:blank')
  stream.release()
  stream.end()
  expect(context.pages()).toHaveLength(1)
  await tab.page.goto(upstream.origin)
  await tab.follow('away')
  await expectWhole([tab], 'away', stream.truth.join(''))
})
