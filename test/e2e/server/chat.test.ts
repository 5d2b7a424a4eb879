import { killHub } from '../harness/browser.ts'
import { expect, test } from '../harness/fixtures.ts'
import type { Tab } from '../harness/fixtures.ts'
import type { HeadwaterServer } from '../harness/server.ts'
import { expectSeq } from '../harness/truth.ts'

const CHANNEL = 'chat:1'

/** Sends a message to the demo model. */
async function ask(tab: Tab, text: string): Promise<void> {
  const messages = [{ id: 'm1', role: 'user', parts: [{ type: 'text', text }] }]
  await tab.send(CHANNEL, { url: '/v1/chat', method: 'POST', body: { id: CHANNEL, messages } })
}

const runsOf = async (server: HeadwaterServer): Promise<{ status: string; ending: { code?: string } | null }[]> => {
  const answer = await fetch(`${server.url}/v1/channels/${encodeURIComponent(CHANNEL)}`)
  const { runs } = (await answer.json()) as { runs: { status: string; ending: { code?: string } | null }[] }
  return runs
}

test('the hub is killed in the middle of an answer: one POST, one run, the whole answer in all tabs', async ({
  tabs,
  server,
  network,
  context,
}) => {
  const two = await tabs(2)
  const [sender, other] = two
  await other?.follow(CHANNEL)
  if (sender) await ask(sender, 'Tell me about rivers in 300 words')
  await expectSeq(two, CHANNEL, 20)
  await killHub(context)
  for (const tab of two) await expect.poll(() => tab.status(CHANNEL), { timeout: 40_000 }).toBe('done')
  const [first, second] = await Promise.all(two.map((tab) => tab.view(CHANNEL)))
  expect(first?.state.text).toBe(second?.state.text)
  expect(first?.state.text.length).toBeGreaterThan(200)
  expect(first?.state.parts).toEqual(second?.state.parts)
  expect(first?.state.parts.some((part) => part.type === 'reasoning')).toBe(true)
  for (const view of [first, second]) expect(view?.streams.at(-1)).toMatchObject({ contiguous: true, gaps: 0 })
  expect(network.seen.filter((line) => line === 'POST /v1/chat')).toHaveLength(1)
  expect(await runsOf(server)).toHaveLength(1)
})

test('Stop in the other tab aborts the model call within a second', async ({ tabs, server, network: _ }) => {
  const two = await tabs(2)
  const [sender, other] = two
  await other?.follow(CHANNEL)
  if (sender) await ask(sender, 'Tell me about rivers in 2000 words')
  await expectSeq(two, CHANNEL, 20)
  const start = Date.now()
  await other?.verb(CHANNEL, 'cancel')
  await expect.poll(async () => (await runsOf(server))[0]?.status, { intervals: [20] }).toBe('cancelled')
  expect(Date.now() - start).toBeLessThan(1_000)
  for (const tab of two) await expect.poll(async () => (await tab.view(CHANNEL)).state.ending?.kind).toBe('cancelled')
})

test('Pause and Continue: the run goes on meanwhile, and nothing is lost', async ({ tabs, server, network }) => {
  const two = await tabs(2)
  const [sender, other] = two
  await other?.follow(CHANNEL)
  if (sender) await ask(sender, 'Tell me about rivers in 200 words')
  await expectSeq(two, CHANNEL, 20)
  await other?.verb(CHANNEL, 'stop')
  for (const tab of two) await expect.poll(() => tab.status(CHANNEL)).toBe('stopped')
  await expect.poll(async () => (await runsOf(server))[0]?.status).toBe('done')
  await sender?.verb(CHANNEL, 'resume')
  for (const tab of two) await expect.poll(() => tab.status(CHANNEL)).toBe('done')
  for (const tab of two) expect((await tab.view(CHANNEL)).streams.at(-1)).toMatchObject({ contiguous: true, gaps: 0 })
  expect(network.seen.filter((line) => line === 'POST /v1/chat')).toHaveLength(1)
})

test('the server dies in the middle of an answer: producer-lost, all kept, retry on offer', async ({
  tabs,
  server,
  network: _,
}) => {
  const two = await tabs(2)
  const [sender, other] = two
  await other?.follow(CHANNEL)
  if (sender) await ask(sender, 'Tell me about rivers in 2000 words')
  await expectSeq(two, CHANNEL, 20)
  await server.kill()
  const kept = (await other?.view(CHANNEL))?.state.text ?? ''
  await server.start()
  for (const tab of two) {
    await expect.poll(() => tab.status(CHANNEL), { timeout: 30_000 }).toBe('error')
    const { state } = await tab.view(CHANNEL)
    expect(state).toMatchObject({ canRetry: true, ending: { kind: 'error', code: 'producer-lost' } })
    expect(state.text.startsWith(kept)).toBe(true)
  }
  expect((await runsOf(server))[0]?.ending?.code).toBe('producer-lost')
})
