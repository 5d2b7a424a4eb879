import { expect, test } from '../harness/fixtures.ts'
import { expectPrefix, expectSeq, expectWhole, lines } from '../harness/truth.ts'

test('two tabs show the same stream live, over one connection', async ({ upstream, tabs }) => {
  const stream = upstream.script('two', { format: 'sse-ids', chunks: lines(200), released: 50, ends: false })
  const both = await tabs(2)
  const [sender, other] = both
  await other?.follow('two')
  await sender?.send('two', { url: stream.path })
  await expectSeq(both, 'two', 50)
  stream.release()
  stream.end()
  await expectWhole(both, 'two', stream.truth.join(''))
  expect(stream.requests).toHaveLength(1)
})

test('a late tab starts at the first chunk, of a live stream and of an ended one', async ({ upstream, tabs }) => {
  const stream = upstream.script('late', { format: 'sse-ids', chunks: lines(100), released: 60, ends: false })
  const [first] = await tabs(1)
  await first?.send('late', { url: stream.path })
  if (first) await expectSeq([first], 'late', 60)
  const [late] = await tabs(1)
  await late?.follow('late')
  if (late) await expectSeq([late], 'late', 60)
  stream.release()
  stream.end()
  const [later] = await tabs(1)
  await later?.follow('late')
  const all = [first, late, later].filter((tab) => tab !== undefined)
  await expectWhole(all, 'late', stream.truth.join(''))
  expect(stream.requests).toHaveLength(1)
})

test('fault 25: eight tabs that open the same source at once share one upstream', async ({ upstream, tabs }) => {
  const stream = upstream.script('eight', { format: 'sse-ids', chunks: lines(300), released: 100, ends: false })
  const eight = await tabs(8)
  const ids = await Promise.all(eight.map((tab) => tab.open('eight', { url: stream.path })))
  expect(new Set(ids).size).toBe(1)
  await expectSeq(eight, 'eight', 100)
  stream.release()
  stream.end()
  await expectWhole(eight, 'eight', stream.truth.join(''))
  expect(stream.requests).toHaveLength(1)
  expect(stream.mostOpen).toBe(1)
})

test('eight streams in one tab: none hangs, and a verb is carried out while they wait for a connection', async ({
  upstream,
  tabs,
}) => {
  const names = Array.from({ length: 8 }, (_, i) => `stream-${i}`)
  const streams = names.map((name) =>
    upstream.script(name, { format: 'sse-ids', chunks: lines(40, name), released: 20, ends: false }),
  )
  const [tab] = await tabs(1)
  if (tab === undefined) throw new Error('no tab')
  for (const [i, name] of names.entries()) await tab.send(name, { url: streams[i]?.path ?? '' })
  await expect.poll(() => streams.filter((stream) => stream.open === 1).length).toBeGreaterThanOrEqual(4)
  // A connection of its own must stay free for the page: HTTP/1.1 has six.
  expect(await tab.page.evaluate(async () => (await fetch('/index.html')).status)).toBe(200)
  await tab.verb('stream-0', 'cancel')
  await expect.poll(async () => (await tab.view('stream-0')).state.ending?.kind).toBe('cancelled')
  for (const stream of streams) {
    stream.release()
    stream.end()
  }
  for (const [i, name] of names.entries()) {
    if (i > 0) await expectWhole([tab], name, streams[i]?.truth.join('') ?? '')
  }
})

test('a tab that spins delays no other, and has everything once it is back', async ({ upstream, tabs }) => {
  const stream = upstream.script('spin', { format: 'sse-ids', chunks: lines(2_000), released: 10, ends: false })
  const both = await tabs(2)
  const [good, bad] = both
  if (good === undefined || bad === undefined) throw new Error('no tabs')
  await bad.follow('spin')
  await good.send('spin', { url: stream.path })
  await expectSeq(both, 'spin', 10)
  const spinning = bad.page.evaluate(() => {
    // Longer than the other tab needs for everything.
    const until = Date.now() + 4_000
    while (Date.now() < until);
  })
  stream.release()
  stream.end()
  await expectWhole([good], 'spin', stream.truth.join(''))
  await spinning
  await expectPrefix(bad, 'spin', stream.truth.join(''))
  await expectWhole([bad], 'spin', stream.truth.join(''))
})

test('the page says which tier it has, and has it for all that it shows', async ({ upstream, tabs, tier }) => {
  const stream = upstream.script('tier', { format: 'sse-ids', chunks: lines(50), released: 20, ends: false })
  const [tab] = await tabs(1)
  if (tab === undefined) throw new Error('no tab')
  await tab.send('tier', { url: stream.path })
  await expectSeq([tab], 'tier', 20)
  expect(await tab.page.evaluate(() => hw.hub.info)).toMatchObject({ tier, durable: tier !== 'page' })
  stream.release()
  stream.end()
  await expectWhole([tab], 'tier', stream.truth.join(''))
})
