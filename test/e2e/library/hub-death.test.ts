import { crashTab, killHub } from '../harness/browser.ts'
import { expect, test } from '../harness/fixtures.ts'
import { expectSeq, expectWhole, lines } from '../harness/truth.ts'

test('the hub is killed in mid-stream: all tabs go on, without duplicate or hole', async ({
  upstream,
  tabs,
  context,
}) => {
  const stream = upstream.script('killed', { format: 'sse-ids', chunks: lines(500), released: 100, ends: false })
  const three = await tabs(3)
  const [first, ...others] = three
  for (const tab of others) await tab.follow('killed')
  await first?.send('killed', { url: stream.path })
  await expectSeq(three, 'killed', 100)
  await killHub(context)
  stream.release(200)
  await expectSeq(three, 'killed', 300)
  await killHub(context)
  stream.release()
  stream.end()
  await expectWhole(three, 'killed', stream.truth.join(''))
  expect(stream.mostOpen).toBe(1)
  expect(stream.posts).toBe(0)
})

test('the hub is killed while chunks pour in', async ({ upstream, tabs, context }) => {
  const stream = upstream.script('pouring', {
    format: 'sse-ids',
    chunks: lines(3_000),
    released: 0,
    random: upstream.random,
  })
  const two = await tabs(2)
  const [first, second] = two
  await second?.follow('pouring')
  await first?.send('pouring', { url: stream.path })
  for (const seq of [300, 900, 1_800]) {
    stream.release(1_000)
    await expectSeq(two, 'pouring', seq)
    await killHub(context)
  }
  await expectWhole(two, 'pouring', stream.truth.join(''))
})

test('a POST whose hub is killed is sent once, and goes on at the address that its answer named', async ({
  upstream,
  tabs,
  context,
}) => {
  const stream = upstream.script('answer', { format: 'ai-sdk', chunks: lines(200, 'word'), released: 60, ends: false })
  const two = await tabs(2)
  const [first, second] = two
  await second?.follow('answer')
  await first?.send('answer', { url: stream.path, method: 'POST', body: { ask: 'something' } })
  await expectSeq(two, 'answer', 60)
  await killHub(context)
  stream.release()
  stream.end()
  for (const tab of two) {
    await expect.poll(() => tab.status('answer')).toBe('done')
    expect((await tab.view('answer')).state.text).toBe(stream.truth.join(''))
    expect((await tab.view('answer')).streams.at(-1)?.contiguous).toBe(true)
  }
  expect(stream.posts).toBe(1)
  expect(stream.requests[0]?.idempotencyKey).toBe((await first?.view('answer'))?.state.streamId)
})

test('fault 23: a POST without such an address is never sent again: disconnected, all kept, retry on offer', async ({
  upstream,
  tabs,
  context,
}) => {
  const stream = upstream.script('once', {
    format: 'ai-sdk',
    chunks: lines(50, 'word'),
    released: 20,
    ends: false,
    resumable: false,
  })
  const two = await tabs(2)
  const [first, second] = two
  if (first === undefined || second === undefined) throw new Error('no tabs')
  await second.follow('once')
  await first.send('once', { url: stream.path, method: 'POST', body: {} })
  await expectSeq(two, 'once', 20)
  await killHub(context)
  for (const tab of two) {
    await expect.poll(() => tab.status('once')).toBe('disconnected')
    const { state } = await tab.view('once')
    expect(state).toMatchObject({ canResume: false, canRetry: true, text: stream.truth.slice(0, 20).join('') })
  }
  expect(stream.posts).toBe(1)
  stream.release()
  stream.end()
  await second.verb('once', 'retry')
  for (const tab of two) await expect.poll(() => tab.status('once')).toBe('done')
  expect(stream.posts).toBe(2)
})

test('the tab that created the hub crashes: the others go on', async ({ upstream, tabs }) => {
  const stream = upstream.script('creator', { format: 'sse-ids', chunks: lines(300), released: 100, ends: false })
  const [creator] = await tabs(1)
  await creator?.send('creator', { url: stream.path })
  const others = await tabs(2)
  for (const tab of others) await tab.follow('creator')
  await expectSeq(others, 'creator', 100)
  if (creator) await crashTab(creator.page)
  stream.release()
  stream.end()
  await expectWhole(others, 'creator', stream.truth.join(''))
  expect(stream.mostOpen).toBe(1)
})
