import { createHash } from 'node:crypto'
import { killHub } from '../harness/browser.ts'
import { Command } from '../harness/cli.ts'
import { expect, test } from '../harness/fixtures.ts'
import type { Tab } from '../harness/fixtures.ts'
import { Pipe } from '../harness/pipe.ts'
import type { HeadwaterServer } from '../harness/server.ts'
import { expectPrefix, expectWhole, lines } from '../harness/truth.ts'

const readers = (server: HeadwaterServer): Promise<number> => server.metric('headwater_stream_readers', '"pipes/')

/** Joins the newest run of a channel of the server's. */
async function join(tab: Tab, server: HeadwaterServer, channel: string): Promise<void> {
  await tab.open(channel, { url: await server.newestRun(channel), format: 'durable-stream' })
}

/** The text that a tab has of a channel now. */
const textIn = async (tab: Tab, channel: string): Promise<string> =>
  (await tab.view(channel)).streams.at(-1)?.text ?? ''

test('eight tabs on a pipe: the server counts one reader', async ({ tabs, server, network: _ }) => {
  const pipe = new Pipe(server.url, 'pipes')
  pipe.write('first\n')
  const eight = await tabs(8)
  for (const tab of eight) await join(tab, server, 'pipes')
  for (const tab of eight) await expect.poll(() => textIn(tab, 'pipes')).toBe('first\n')
  expect(await readers(server)).toBe(1)
  pipe.write('second\n')
  pipe.end()
  await expectWhole(eight, 'pipes', 'first\nsecond\n')
  expect(await pipe.exit).toBe(0)
  await expect.poll(() => readers(server)).toBe(0)
})

test('the hub is killed in the middle of a pipe: all tabs go on, byte-identical', async ({
  tabs,
  server,
  network: _,
  context,
}) => {
  const said = lines(2_000)
  const pipe = new Pipe(server.url, 'killed')
  pipe.write(said.slice(0, 500).join(''))
  const three = await tabs(3)
  for (const tab of three) await join(tab, server, 'killed')
  for (const tab of three) await expect.poll(() => textIn(tab, 'killed')).toBe(said.slice(0, 500).join(''))
  await killHub(context)
  pipe.write(said.slice(500).join(''))
  pipe.end()
  await expectWhole(three, 'killed', said.join(''))
})

test('the server is killed and restarted in the middle of a pipe: pipe, tail and tabs end byte-identical', async ({
  tabs,
  server,
  network: _,
}) => {
  const said = lines(3_000)
  const pipe = new Pipe(server.url, 'restart')
  const tail = new Command(['tail', 'restart', '--url', server.url])
  pipe.write(said.slice(0, 1_000).join(''))
  const two = await tabs(2)
  for (const tab of two) await join(tab, server, 'restart')
  for (const tab of two) await expect.poll(() => textIn(tab, 'restart')).toBe(said.slice(0, 1_000).join(''))
  await server.kill()
  pipe.write(said.slice(1_000, 2_000).join(''))
  for (const tab of two) {
    await expect.poll(() => tab.status('restart')).toMatch(/reconnecting|disconnected/)
    await expectPrefix(tab, 'restart', said.join(''))
  }
  await server.start()
  pipe.write(said.slice(2_000).join(''))
  pipe.end()
  expect(await pipe.exit).toBe(0)
  await expectWhole(two, 'restart', said.join(''))
  expect(await tail.exit).toBe(0)
  expect(tail.stdout.toString()).toBe(said.join(''))
  expect(await server.content(await server.newestRun('restart'))).toBe(said.join(''))
})

test('a network that is cut again and again loses and doubles no byte', async ({ tabs, server, network }) => {
  const said = lines(1_200)
  const pipe = new Pipe(server.url, 'cuts')
  pipe.write(said.slice(0, 300).join(''))
  const [tab] = await tabs(1)
  if (tab === undefined) throw new Error('no tab')
  await join(tab, server, 'cuts')
  for (const upTo of [300, 600, 900]) {
    await expect.poll(async () => (await textIn(tab, 'cuts')).length).toBe(said.slice(0, upTo).join('').length)
    network.cut()
    pipe.write(said.slice(upTo, upTo + 300).join(''))
  }
  pipe.end()
  await expectWhole([tab], 'cuts', said.join(''))
})

test('a failing command, an interrupt and an end look different in a tab', async ({ tabs, server, network: _ }) => {
  const [tab] = await tabs(1)
  if (tab === undefined) throw new Error('no tab')
  const failing = new Pipe(server.url, 'fails', ['sh', '-c', 'echo out; exit 3'])
  expect(await failing.exit).toBe(3)
  await join(tab, server, 'fails')
  await expect
    .poll(async () => (await tab.view('fails')).state)
    .toMatchObject({ status: 'error', ending: { kind: 'error', code: 'exit-status', exitCode: 3 } })

  const interrupted = new Pipe(server.url, 'interrupted')
  interrupted.write('out\n')
  await join(tab, server, 'interrupted')
  expect(await interrupted.signal('SIGINT')).toBe(130)
  await expect.poll(async () => (await tab.view('interrupted')).state.ending?.kind).toBe('cancelled')
  await expect.poll(() => textIn(tab, 'interrupted')).toBe('out\n')
})

test('a second pipe is a new run of the channel; the first stays in its history', async ({
  tabs,
  server,
  network: _,
}) => {
  const [tab] = await tabs(1)
  if (tab === undefined) throw new Error('no tab')
  for (const word of ['one', 'two']) {
    const pipe = new Pipe(server.url, 'runs')
    pipe.write(word)
    pipe.end()
    expect(await pipe.exit).toBe(0)
    await join(tab, server, 'runs')
    await expectWhole([tab], 'runs', word)
  }
  expect((await tab.view('runs')).streams.map((stream) => stream.text)).toEqual(['one', 'two'])
})

test('bytes that are no text arrive as they are', async ({ tabs, server, network: _ }) => {
  const pipe = new Pipe(server.url, 'binary', [
    process.execPath,
    '-e',
    'process.stdout.write(Buffer.from(Array.from({ length: 65536 }, (_, i) => (i * 31) & 255)))',
  ])
  expect(await pipe.exit).toBe(0)
  const truth = Buffer.from(Array.from({ length: 65_536 }, (_, i) => (i * 31) & 255))
  const [tab] = await tabs(1)
  if (tab === undefined) throw new Error('no tab')
  await join(tab, server, 'binary')
  await expect.poll(() => tab.status('binary')).toBe('done')
  const digest = (): Promise<string> => tab.page.evaluate(() => hw.digest('binary'))
  await expect.poll(digest).toBe(createHash('sha256').update(truth).digest('hex'))
})
