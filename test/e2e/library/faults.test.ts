// The faults that recur in systems of this kind (see docs): each is one that ours must not have.
import { freezeTab, killHub } from '../harness/browser.ts'
import { beforeFirstByte } from '../harness/engines.ts'
import { expect, test } from '../harness/fixtures.ts'
import { expectPrefix, expectSeq, expectWhole, lines } from '../harness/truth.ts'

test('fault 1: a terminal event that is lost with its socket is fetched, and the viewer comes to an end', async ({
  upstream,
  tabs,
}) => {
  const stream = upstream.script('f1', { format: 'sse-ids', chunks: lines(30), ends: false })
  const [tab] = await tabs(1)
  if (tab === undefined) throw new Error('no tab')
  await tab.send('f1', { url: stream.path })
  await expectSeq([tab], 'f1', 30)
  stream.cut()
  stream.end()
  await expectWhole([tab], 'f1', stream.truth.join(''))
})

test('fault 2: an upstream that repeats everything on reconnect doubles nothing', async ({ upstream, tabs }) => {
  const stream = upstream.script('f2', { format: 'sse', chunks: lines(60), released: 25, ends: false })
  const [tab] = await tabs(1)
  if (tab === undefined) throw new Error('no tab')
  await tab.send('f2', { url: stream.path })
  await expectSeq([tab], 'f2', 25)
  stream.cut({ inside: true })
  stream.release()
  stream.end()
  await expectWhole([tab], 'f2', stream.truth.join(''))
  expect(stream.requests).toHaveLength(2)
})

test('fault 3: four views in four tabs make one resume', async ({ upstream, tabs }) => {
  const stream = upstream.script('f3', { format: 'sse-ids', chunks: lines(60), released: 25, ends: false })
  const four = await tabs(4)
  await Promise.all(four.map((tab) => tab.open('f3', { url: stream.path })))
  await expectSeq(four, 'f3', 25)
  stream.cut()
  stream.release()
  stream.end()
  await expectWhole(four, 'f3', stream.truth.join(''))
  expect(stream.requests.map((request) => request.lastEventId)).toEqual([null, '25'])
})

test('fault 4: a clean end of body without a terminal event is a lost connection', async ({ upstream, tabs }) => {
  const stream = upstream.script('f4', { format: 'sse-ids', chunks: lines(40), released: 20, ends: false })
  const [tab] = await tabs(1)
  if (tab === undefined) throw new Error('no tab')
  await tab.send('f4', { url: stream.path })
  await expectSeq([tab], 'f4', 20)
  stream.closeBodies()
  await expect.poll(() => stream.requests.length).toBe(2)
  const { timeline, state } = await tab.view('f4')
  expect(timeline.map((entry) => entry.status)).toContain('reconnecting')
  expect(state.done).toBe(false)
  stream.release()
  stream.end()
  await expectWhole([tab], 'f4', stream.truth.join(''))
})

test('fault 5: reconnects that bring nothing keep the place, also before the first event', async ({
  upstream,
  tabs,
}) => {
  const stream = upstream.script('f5', { format: 'sse-ids', chunks: lines(40), released: 0, ends: false })
  const [tab] = await tabs(1)
  if (tab === undefined) throw new Error('no tab')
  await tab.send('f5', { url: stream.path })
  await expect.poll(() => stream.open).toBe(1)
  stream.cut()
  await expect.poll(() => stream.requests.length).toBe(2)
  await expect.poll(() => stream.open).toBe(1)
  stream.release(20)
  await expectSeq([tab], 'f5', 20)
  for (const requests of [3, 4]) {
    stream.cut()
    await expect.poll(() => stream.requests.length).toBe(requests)
    await expect.poll(() => stream.open).toBe(1)
  }
  stream.release()
  stream.end()
  await expectWhole([tab], 'f5', stream.truth.join(''))
  expect(stream.requests.map((request) => request.lastEventId)).toEqual([null, null, '20', '20'])
})

test('fault 6: a second recovery does not repeat what the first recovered', async ({ upstream, tabs, context }) => {
  const stream = upstream.script('f6', { format: 'sse-ids', chunks: lines(90), released: 30, ends: false })
  const two = await tabs(2)
  await two[1]?.follow('f6')
  await two[0]?.send('f6', { url: stream.path })
  await expectSeq(two, 'f6', 30)
  stream.cut()
  stream.release(30)
  await expectSeq(two, 'f6', 60)
  await killHub(context)
  // Not before the next hub is there: the dying one may still read what comes.
  await expect.poll(() => stream.requests.length).toBe(3)
  stream.release()
  stream.end()
  await expectWhole(two, 'f6', stream.truth.join(''))
  expect(stream.requests.map((request) => request.lastEventId)).toEqual([null, '30', '60'])
})

test('fault 7: a viewer that is there before the first chunk gets the first chunk', async ({
  upstream,
  tabs,
  browserName,
}) => {
  const stream = upstream.script('f7', { format: 'sse-ids', chunks: lines(10), released: 0, ends: false })
  const two = await tabs(2)
  await two[1]?.follow('f7')
  await two[0]?.send('f7', { url: stream.path })
  await expect.poll(() => two[1]?.status('f7')).toBe(beforeFirstByte(browserName))
  await expect.poll(() => stream.open).toBe(1)
  stream.release()
  stream.end()
  await expectWhole(two, 'f7', stream.truth.join(''))
})

test('fault 8: a tab that is frozen holds nobody up, and has everything once it thaws', async ({ upstream, tabs }) => {
  const stream = upstream.script('f8', { format: 'sse-ids', chunks: lines(3_000), released: 100, ends: false })
  const two = await tabs(2)
  const [going, parked] = two
  if (going === undefined || parked === undefined) throw new Error('no tabs')
  await parked.follow('f8')
  await going.send('f8', { url: stream.path })
  await expectSeq(two, 'f8', 100)
  const thaw = await freezeTab(parked.page)
  stream.release()
  stream.end()
  await expectWhole([going], 'f8', stream.truth.join(''))
  await thaw()
  await expectWhole([parked], 'f8', stream.truth.join(''))
})

test('fault 9: no seq that a tab has seen is used again for another chunk after a crash', async ({
  upstream,
  tabs,
  context,
}) => {
  const stream = upstream.script('f9', {
    format: 'sse-ids',
    chunks: lines(1_500),
    released: 0,
    random: upstream.random,
  })
  const two = await tabs(2)
  await two[1]?.follow('f9')
  await two[0]?.send('f9', { url: stream.path })
  stream.release()
  for (const seq of [50, 400, 800]) {
    await expectSeq(two, 'f9', seq)
    await killHub(context)
    for (const tab of two) await expectPrefix(tab, 'f9', stream.truth.join(''))
  }
  await expectWhole(two, 'f9', stream.truth.join(''))
})

test('fault 10: upstream’s ids and our seqs are two numberings, and a resume speaks in upstream’s', async ({
  upstream,
  tabs,
}) => {
  const stream = upstream.script('f10', {
    format: 'sse-ids',
    chunks: lines(40),
    released: 15,
    ends: false,
    idsFrom: 7_000,
  })
  const [tab] = await tabs(1)
  if (tab === undefined) throw new Error('no tab')
  await tab.send('f10', { url: stream.path })
  await expectSeq([tab], 'f10', 15)
  stream.cut()
  stream.release()
  stream.end()
  await expectWhole([tab], 'f10', stream.truth.join(''))
  expect(stream.requests.at(-1)?.lastEventId).toBe('7015')
})

test('fault 26: hiding the only tab does not end the stream', async ({ upstream, tabs }) => {
  const stream = upstream.script('f26', { format: 'sse-ids', chunks: lines(60), released: 20, ends: false })
  const [tab] = await tabs(1)
  if (tab === undefined) throw new Error('no tab')
  await tab.send('f26', { url: stream.path })
  await expectSeq([tab], 'f26', 20)
  await tab.page.evaluate(() => {
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => 'hidden' })
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => true })
    document.dispatchEvent(new Event('visibilitychange'))
  })
  stream.release()
  stream.end()
  await expectWhole([tab], 'f26', stream.truth.join(''))
  expect(stream.requests).toHaveLength(1)
})

test('fault 28: whoever returns to a stream sees it live, chunk by chunk, not all at once at the end', async ({
  upstream,
  tabs,
}) => {
  const stream = upstream.script('f28', { format: 'sse-ids', chunks: lines(40), released: 20, ends: false })
  const [tab] = await tabs(1)
  if (tab === undefined) throw new Error('no tab')
  await tab.send('f28', { url: stream.path })
  await expectSeq([tab], 'f28', 20)
  await tab.page.goto('about:blank')
  await tab.page.goto(upstream.origin)
  await tab.follow('f28')
  await expectSeq([tab], 'f28', 20)
  for (const seq of [21, 22, 23]) {
    stream.release(1)
    await expect.poll(() => tab.seq('f28')).toBe(seq)
    expect(await tab.status('f28')).toBe('streaming')
  }
  stream.release()
  stream.end()
  await expectWhole([tab], 'f28', stream.truth.join(''))
})

for (const format of ['sse-ids', 'sse', 'ndjson', 'text'] as const) {
  test(`fault 29: CRLFs and characters split between network chunks arrive whole (${format})`, async ({
    upstream,
    tabs,
  }) => {
    const said = lines(150, 'häßlich 🌊 水')
    const chunks = format === 'ndjson' ? said.map((line) => JSON.stringify({ line })) : said
    const stream = upstream.script('f29', { format, chunks, random: upstream.random })
    const [tab] = await tabs(1)
    if (tab === undefined) throw new Error('no tab')
    await tab.send('f29', { url: stream.path })
    await expectWhole([tab], 'f29', chunks.join(''))
  })
}
