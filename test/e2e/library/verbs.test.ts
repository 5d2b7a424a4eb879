import { expect, test } from '../harness/fixtures.ts'
import type { Tab } from '../harness/fixtures.ts'
import type { ScriptedStream } from '../harness/scripted-stream.ts'
import type { TestUpstream } from '../harness/test-upstream.ts'
import { expectSeq, expectWhole, lines } from '../harness/truth.ts'

/** Two tabs in the middle of an answer. */
async function midAnswer(
  upstream: TestUpstream,
  tabs: (count: number) => Promise<Tab[]>,
): Promise<[stream: ScriptedStream, sender: Tab, other: Tab]> {
  const stream = upstream.script('verbs', { format: 'ai-sdk', chunks: lines(100, 'word'), released: 40, ends: false })
  const [sender, other] = await tabs(2)
  if (sender === undefined || other === undefined) throw new Error('no tabs')
  await other.follow('verbs')
  await sender.send('verbs', { url: stream.path, method: 'POST', body: { ask: 1 } })
  await expectSeq([sender, other], 'verbs', 40)
  return [stream, sender, other]
}

test('fault 27: a stop in one tab is seen in the other, closes the connection and leaves the log open', async ({
  upstream,
  tabs,
}) => {
  const [stream, sender, other] = await midAnswer(upstream, tabs)
  await other.verb('verbs', 'stop')
  await expect.poll(() => stream.open).toBe(0)
  for (const tab of [sender, other]) {
    await expect.poll(() => tab.status('verbs')).toBe('stopped')
    expect((await tab.view('verbs')).state).toMatchObject({ canResume: true, done: false, ending: null })
  }
  expect(stream.cancels).toBe(0)
})

test('resume goes on from the very next chunk, from either tab, without a second POST', async ({ upstream, tabs }) => {
  const [stream, sender, other] = await midAnswer(upstream, tabs)
  await sender.verb('verbs', 'stop')
  await expect.poll(() => other.status('verbs')).toBe('stopped')
  stream.release(20)
  await other.verb('verbs', 'resume')
  await expectSeq([sender, other], 'verbs', 60)
  expect(stream.requests.at(-1)).toMatchObject({ method: 'GET', lastEventId: '40' })
  stream.release()
  stream.end()
  for (const tab of [sender, other]) {
    await expect.poll(() => tab.status('verbs')).toBe('done')
    expect((await tab.view('verbs')).state.text).toBe(stream.truth.join(''))
  }
  expect(stream.posts).toBe(1)
})

test('cancel tells the producer, ends the stream for good and is seen in both tabs', async ({ upstream, tabs }) => {
  const [stream, sender, other] = await midAnswer(upstream, tabs)
  await other.verb('verbs', 'cancel')
  await expect.poll(() => stream.cancels).toBe(1)
  for (const tab of [sender, other]) {
    await expect.poll(() => tab.status('verbs')).toBe('stopped')
    const { state } = await tab.view('verbs')
    expect(state).toMatchObject({ canResume: false, done: false, text: stream.truth.slice(0, 40).join('') })
    expect(state.ending?.kind).toBe('cancelled')
  }
})

test('a retry that is asked for twice at once starts one new run, and both tabs show it', async ({
  upstream,
  tabs,
}) => {
  const [stream, sender, other] = await midAnswer(upstream, tabs)
  await sender.verb('verbs', 'cancel')
  await expect.poll(async () => (await other.view('verbs')).state.canRetry).toBe(true)
  stream.release()
  // In one tab, because two are never at once: the slower one may see the new run already, and would retry that one.
  const ids = await other.page.evaluate(() => {
    const channel = hw.follow('verbs')
    return Promise.all([channel.retry(), channel.retry()])
  })
  expect(new Set(ids).size).toBe(1)
  for (const tab of [sender, other]) {
    await expect.poll(() => tab.status('verbs')).toBe('done')
    expect((await tab.view('verbs')).state.text).toBe(stream.truth.join(''))
  }
  expect(stream.posts).toBe(2)
})

test('closing a tab ends nothing', async ({ upstream, tabs }) => {
  const [stream, sender, other] = await midAnswer(upstream, tabs)
  await sender.page.close()
  stream.release()
  stream.end()
  await expect.poll(() => other.status('verbs')).toBe('done')
  expect(stream.cancels).toBe(0)
})

test('a second send cancels what was live and starts anew, in both tabs', async ({ upstream, tabs }) => {
  const [, sender, other] = await midAnswer(upstream, tabs)
  const second = upstream.script('second', { format: 'sse-ids', chunks: lines(10, 'new') })
  await other.send('verbs', { url: second.path })
  await expectWhole([sender, other], 'verbs', second.truth.join(''))
})
