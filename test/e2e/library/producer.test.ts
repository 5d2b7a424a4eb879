import { crashTab, killHub } from '../harness/browser.ts'
import { expect, test } from '../harness/fixtures.ts'
import type { Tab } from '../harness/fixtures.ts'
import { expectSeq, expectWhole, lines } from '../harness/truth.ts'

/** As many tabs as asked for, on the same channel; the first is to write. */
async function open(
  tabs: (count: number) => Promise<Tab[]>,
  count: number,
  channel: string,
): Promise<[writer: Tab, ...others: Tab[]]> {
  const [writer, ...others] = await tabs(count)
  if (writer === undefined) throw new Error('no tab')
  for (const tab of others) await tab.follow(channel)
  return [writer, ...others]
}

const start = (tab: Tab, channel: string, id?: string): Promise<string> =>
  tab.page.evaluate(([name, given]) => hw.start(name, given === undefined ? {} : { id: given }), [channel, id] as const)

/** Writes chunks, all at once, and waits until they are stored. */
const write = (tab: Tab, id: string, chunks: readonly string[]): Promise<void> =>
  tab.page.evaluate(async ([sink, data]) => void (await Promise.all(data.map((chunk) => hw.sink(sink).write(chunk)))), [
    id,
    chunks,
  ] as const)

const close = (tab: Tab, id: string): Promise<void> => tab.page.evaluate((sink) => hw.sink(sink).close(), id)

const aborted = (tab: Tab, id: string): Promise<{ code: string; data: unknown } | null> =>
  tab.page.evaluate((sink) => hw.aborted(sink), id)

test('what one tab writes three others read, live and late', async ({ tabs }) => {
  const truth = lines(500)
  const all = await open(tabs, 3, 'notes')
  const [writer] = all
  const id = await start(writer, 'notes')
  await write(writer, id, truth.slice(0, 200))
  await expectSeq(all, 'notes', 200)
  const [late] = await tabs(1)
  await late?.follow('notes')
  await write(writer, id, truth.slice(200))
  await close(writer, id)
  await expectWhole(late ? [...all, late] : all, 'notes', truth.join(''))
})

test('the hub is killed while a page writes: every chunk is stored once', async ({ tabs, context }) => {
  const truth = lines(3_000)
  const all = await open(tabs, 3, 'pouring')
  const [writer] = all
  const id = await start(writer, 'pouring')
  await write(writer, id, truth.slice(0, 10))
  const writing = writer.page.evaluate(
    async ([sink, data]) => {
      for (const [i, chunk] of data.entries()) {
        const stored = hw.sink(sink).write(chunk)
        if (i % 3 === 0) await stored
      }
      await hw.sink(sink).close()
    },
    [id, truth.slice(10)] as const,
  )
  for (const seq of [300, 900, 1_800]) {
    await expectSeq(all.slice(1), 'pouring', seq)
    await killHub(context)
  }
  await writing
  await expectWhole(all, 'pouring', truth.join(''))
})

test('a producer’s tab that is closed, crashed or reloaded leaves `producer-lost` everywhere, with all that was stored', async ({
  tabs,
}) => {
  const [first, ...others] = await open(tabs, 3, 'lost')
  let writer = first
  for (const leave of ['reload', 'crash', 'close'] as const) {
    const id = await start(writer, 'lost')
    await write(writer, id, ['all ', 'that ', leave])
    await expectSeq(others, 'lost', 3)
    if (leave === 'reload') await writer.reload()
    else if (leave === 'crash') await crashTab(writer.page)
    else await writer.page.close()
    for (const tab of others) {
      await expect.poll(() => tab.status('lost')).toBe('error')
      expect((await tab.view('lost')).state).toMatchObject({
        streamId: id,
        text: `all that ${leave}`,
        code: 'producer-lost',
        ending: { kind: 'error', code: 'producer-lost' },
      })
    }
    const [next] = await tabs(1)
    if (next) writer = next
  }
})

test('the only tab is reloaded while it writes: it comes back to a stream that says so', async ({ tabs }) => {
  const [writer] = await open(tabs, 1, 'alone')
  const id = await start(writer, 'alone')
  await write(writer, id, ['a', 'b'])
  await writer.reload()
  await writer.follow('alone')
  await expect
    .poll(async () => (await writer.view('alone')).state)
    .toMatchObject({ status: 'error', text: 'ab', code: 'producer-lost', canRetry: false })
})

test('cancel in another tab aborts the producer’s signal, and the source of its pipe', async ({ tabs }) => {
  const [writer, other] = await open(tabs, 2, 'cancelled')
  const id = await start(writer, 'cancelled')
  await write(writer, id, ['a'])
  if (other) await expectSeq([other], 'cancelled', 1)
  await other?.page.evaluate(() => hw.follow('cancelled').cancel('enough'))
  await expect.poll(() => aborted(writer, id)).toEqual({ code: 'cancelled', data: 'enough' })
  const piped = await writer.page.evaluate(async () => {
    const source = new ReadableStream<string>({
      start: (controller) => controller.enqueue('from a pipe'),
      cancel: (reason: Error) => void document.body.append(reason.message),
    })
    return (await hw.follow('cancelled').pipeFrom(source)).id
  })
  await expect.poll(async () => (await other?.view('cancelled'))?.state.text).toBe('from a pipe')
  expect((await other?.view('cancelled'))?.state.streamId).toBe(piped)
  await other?.verb('cancelled', 'cancel')
  await expect(writer.page.locator('body')).toContainText('The stream was cancelled')
})

test('stop keeps writes waiting, resume in another tab lets them through', async ({ tabs }) => {
  const [writer, other] = await open(tabs, 2, 'stopped')
  const id = await start(writer, 'stopped')
  await write(writer, id, ['a'])
  if (other === undefined) throw new Error('no tab')
  await expectSeq([other], 'stopped', 1)
  await other.verb('stopped', 'stop')
  const writing = write(writer, id, ['b', 'c'])
  await expect.poll(() => writer.status('stopped')).toBe('stopped')
  // A view that has just begun to read its text counts anew from its first chunk.
  await expect.poll(() => other.seq('stopped')).toBe(1)
  await other.verb('stopped', 'resume')
  await writing
  await close(writer, id)
  await expectWhole([writer, other], 'stopped', 'abc')
})

test('a live id started again is refused, in this tab and in another', async ({ tabs }) => {
  const [writer, other] = await open(tabs, 2, 'same')
  const id = await start(writer, 'same', 'the-id')
  await write(writer, id, ['a'])
  const again = (): Promise<string> =>
    hw
      .follow('same')
      .start({ id: 'the-id' })
      .write('x')
      .then(
        () => 'written',
        (error: { code: string }) => error.code,
      )
  expect(await writer.page.evaluate(again)).toBe('live-id')
  expect(await other?.page.evaluate(again)).toBe('live-id')
  await close(writer, id)
  await expectWhole([writer], 'same', 'a')
})

test('the last reader’s cancel aborts the producer’s signal; an unwatched stream is cancelled', async ({ tabs }) => {
  const [writer, one, two] = await tabs(3)
  if (!writer || !one || !two) throw new Error('no tabs')
  // This one goes on unwatched: the readers come as fast as the machine lets them.
  const id = await writer.page.evaluate(async () => {
    const sink = hw.hub.channel('watched').start()
    await sink.write('a')
    Object.assign(globalThis, { mySink: sink })
    return sink.id
  })
  const read = async (tab: Tab): Promise<void> =>
    tab.page.evaluate(async (streamId) => {
      const reader = hw.hub.channel('watched').read({ streamId })
      await reader[Symbol.asyncIterator]().next()
      Object.assign(globalThis, { myReader: reader })
    }, id)
  const cancel = (tab: Tab): Promise<void> =>
    tab.page.evaluate(() =>
      (globalThis as unknown as { myReader: { cancel(r: string): Promise<void> } }).myReader.cancel('read'),
    )
  const reason = (): Promise<unknown> =>
    writer.page.evaluate(
      () => (globalThis as unknown as { mySink: { signal: AbortSignal } }).mySink.signal.reason?.data,
    )
  await read(one)
  await read(two)
  await cancel(one)
  await writer.page.evaluate(() =>
    (globalThis as unknown as { mySink: { write(d: string): Promise<void> } }).mySink.write('b'),
  )
  expect(await reason()).toBeUndefined()
  await cancel(two)
  await expect.poll(reason).toBe('read')
  await writer.page.evaluate(async () => {
    const sink = hw.hub.channel('unread', { unwatched: 1_000 }).start()
    await sink.write('a')
    Object.assign(globalThis, { mySink: sink })
  })
  await expect.poll(reason).toBe('unwatched')
})

test('published events reach every tab once, in order with the stream, also when the hub is killed', async ({
  tabs,
  context,
}) => {
  const all = await open(tabs, 3, 'events')
  const [writer] = all
  const id = await start(writer, 'events')
  await write(writer, id, ['one '])
  for (const tab of all) await tab.page.evaluate(() => hw.listen('events', 'mark'))
  // Until each tab hears: listening is under way until then.
  const heard = async (tab: Tab, data: unknown): Promise<number> =>
    (await tab.page.evaluate(() => hw.heard())).filter((event) => event.data === data).length
  await expect
    .poll(async () => {
      await writer.page.evaluate(() => hw.follow('events').publish('mark', 'probe'))
      return Promise.all(all.map(async (tab) => (await heard(tab, 'probe')) > 0))
    })
    .toEqual([true, true, true])
  await write(writer, id, ['two '])
  await writer.page.evaluate(() => hw.follow('events').publish('mark', 'after two'))
  await killHub(context)
  await write(writer, id, ['three'])
  await all[1]?.page.evaluate(() => hw.follow('events').publish('mark', 'after three'))
  for (const tab of all) {
    await expect.poll(() => heard(tab, 'after two')).toBe(1)
    await expect.poll(() => heard(tab, 'after three')).toBe(1)
    const events = await tab.page.evaluate(() => hw.heard())
    expect(events.find(({ data }) => data === 'after two')).toMatchObject({ streamId: id, seq: 2 })
    expect(events.find(({ data }) => data === 'after two')?.text).toMatch(/^one two /)
    expect(events.find(({ data }) => data === 'after three')?.text).toBe('one two three')
  }
})

test('without SharedWorker a page writes to its own hub', async ({ upstream, context }) => {
  await context.addInitScript(() => Reflect.deleteProperty(globalThis, 'SharedWorker'))
  const page = await context.newPage()
  await page.goto(upstream.origin)
  const text = await page.evaluate(async () => {
    const sink = hw.hub.channel('alone').start()
    void sink.write('a')
    await sink.write('b')
    await sink.close()
    let all = ''
    for await (const { data } of hw.hub.channel('alone').read()) all += String(data)
    return all
  })
  expect(text).toBe('ab')
})
