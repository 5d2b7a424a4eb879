import { killHub } from '../harness/browser.ts'
import { expect, test } from '../harness/fixtures.ts'
import type { Tab } from '../harness/fixtures.ts'
import { Pipe } from '../harness/pipe.ts'
import type { HeadwaterServer } from '../harness/server.ts'
import type { ServerProxy } from '../harness/server-proxy.ts'
import { expectWhole, lines } from '../harness/truth.ts'

/** Live streams in one browser; browsers allow six connections per host. */
const STREAMS = 50

async function ask(
  server: HeadwaterServer,
  method: string,
  path: string,
  body?: string,
  closed = false,
): Promise<void> {
  const headers = { 'content-type': 'text/plain', ...(closed && { 'stream-closed': 'true' }) }
  const answer = await fetch(server.url + path, { method, headers, ...(body !== undefined && { body }) })
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
}

/** The one tab's stream is on the socket, and nothing of it is left on HTTP. */
async function expectOnSocket(network: ServerProxy): Promise<void> {
  await expect.poll(() => [network.openSockets, network.open], { timeout: 30_000 }).toEqual([1, 0])
}

/** A tab that shows the newest run of a channel of the server's. */
async function show(tabs: (count: number) => Promise<Tab[]>, server: HeadwaterServer, channel: string): Promise<Tab> {
  const [tab] = await tabs(1)
  if (tab === undefined) throw new Error('no tab')
  await tab.open(channel, { url: await server.newestRun(channel), format: 'durable-stream' })
  return tab
}

const lengthIn = async (tab: Tab, channel: string): Promise<number> =>
  (await tab.view(channel)).streams.at(-1)?.text.length ?? 0

test('fifty live streams in one browser cost one connection, and each of them is live', async ({
  tabs,
  server,
  network,
}) => {
  const paths = Array.from({ length: STREAMS }, (_, i) => `/v1/stream/fifty/${i}`)
  await Promise.all(paths.map((path) => ask(server, 'PUT', path)))
  const [tab] = await tabs(1)
  if (tab === undefined) throw new Error('no tab')
  await tab.page.evaluate(
    (urls) => Promise.all(urls.map((url) => hw.open(url, { url, format: 'durable-stream' }))),
    paths,
  )
  /** What the tab shows of all of them, each once. */
  const shown = (): Promise<string[]> =>
    tab.page.evaluate(
      (names) => [...new Set(names.map((name) => JSON.stringify(hw.view(name).streams[0]?.text)))],
      paths,
    )
  await expect.poll(() => server.metric('headwater_stream_readers', '"fifty/'), { timeout: 30_000 }).toBe(STREAMS)
  await expectOnSocket(network)
  for (const text of ['one\n', 'one\ntwo\n', 'one\ntwo\nthree\n']) {
    const line = text.slice(text.lastIndexOf('\n', text.length - 2) + 1)
    await Promise.all(paths.map((path) => ask(server, 'POST', path, line)))
    await expect.poll(shown).toEqual([JSON.stringify(text)])
  }
  expect(await server.metric('headwater_sockets')).toBe(1)
  expect([network.upgrades, network.open]).toEqual([1, 0])
  const metrics = await (await fetch(`${server.url}/metrics`)).text()
  // I1, as the server sees it: one reader for each.
  expect(metrics.match(/^headwater_stream_readers\{stream="fifty\/\d+"\} 1$/gm)).toHaveLength(STREAMS)
  const states = await tab.page.evaluate(
    (names) => [...new Set(names.map((name) => hw.view(name).state.status))],
    paths,
  )
  expect(states).toEqual(['streaming'])
  await Promise.all(paths.map((path) => ask(server, 'POST', path, undefined, true)))
  await expectWhole([tab], paths[0] ?? '', 'one\ntwo\nthree\n')
  await expectWhole([tab], paths.at(-1) ?? '', 'one\ntwo\nthree\n')
})

for (const how of ['refuse', 'swallow'] as const) {
  test(`a proxy that will ${how} WebSockets costs nothing but the socket`, async ({ tabs, server, network }) => {
    network.sockets = how
    const said = lines(600)
    const pipe = new Pipe(server.url, how)
    pipe.write(said.slice(0, 200).join(''))
    const tab = await show(tabs, server, how)
    await expect.poll(() => lengthIn(tab, how)).toBe(said.slice(0, 200).join('').length)
    await expect.poll(() => network.upgrades).toBeGreaterThan(0)
    pipe.write(said.slice(200, 400).join(''))
    await expect.poll(() => lengthIn(tab, how)).toBe(said.slice(0, 400).join('').length)
    pipe.write(said.slice(400).join(''))
    pipe.end()
    await expectWhole([tab], how, said.join(''))
    // Nobody was told of a loss, because there was none.
    expect((await tab.view(how)).timeline.map(({ status }) => status)).not.toContain('reconnecting')
  })
}

test('the socket breaks in mid-stream, again and again: byte-identical', async ({ tabs, server, network }) => {
  const said = lines(1_000)
  const pipe = new Pipe(server.url, 'breaks')
  const tab = await show(tabs, server, 'breaks')
  await expectOnSocket(network)
  for (let at = 0; at < 1_000; at += 200) {
    pipe.write(said.slice(at, at + 200).join(''))
    network.cutSockets()
    await expect.poll(() => lengthIn(tab, 'breaks')).toBe(said.slice(0, at + 200).join('').length)
  }
  // What is cut at once is tried again later: the stream goes on by HTTP meanwhile.
  await expect.poll(() => network.upgrades).toBeGreaterThan(1)
  pipe.end()
  await expectWhole([tab], 'breaks', said.join(''))
})

test('the hub is killed while its streams are on the socket: the next one goes on', async ({
  tabs,
  server,
  network,
  context,
}) => {
  const said = lines(900)
  const pipe = new Pipe(server.url, 'robbed')
  pipe.write(said.slice(0, 300).join(''))
  const tab = await show(tabs, server, 'robbed')
  await expect.poll(() => lengthIn(tab, 'robbed')).toBe(said.slice(0, 300).join('').length)
  await expectOnSocket(network)
  await killHub(context)
  pipe.write(said.slice(300, 600).join(''))
  await expect.poll(() => lengthIn(tab, 'robbed')).toBe(said.slice(0, 600).join('').length)
  await expectOnSocket(network)
  expect(await server.metric('headwater_stream_readers', '"robbed/')).toBe(1)
  pipe.write(said.slice(600).join(''))
  pipe.end()
  await expectWhole([tab], 'robbed', said.join(''))
})
