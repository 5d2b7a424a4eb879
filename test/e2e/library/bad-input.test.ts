import { chromiumOnly } from '../harness/engines.ts'
import { expect, Tab, test } from '../harness/fixtures.ts'
import { expectSeq, expectWhole, lines } from '../harness/truth.ts'

test('a hub script that cannot be loaded is a typed error, and no view hangs', async ({ upstream, context }) => {
  upstream.missing = /(hub|leader)-worker/
  const page = await context.newPage()
  await page.goto(upstream.origin)
  const code = await page.evaluate(() =>
    hw.hub.ready.then(
      () => 'ready',
      (error: { code?: string }) => error.code,
    ),
  )
  expect(code).toBe('reload-needed')
})

for (const [what, name] of [
  ['empty', ''],
  ['too long', 'x'.repeat(257)],
  ['with a control character', 'a\u0007b'],
] as const) {
  test(`a channel's name that is ${what} is refused at the door`, async ({ tabs }) => {
    const [tab] = await tabs(1)
    const code = await tab?.page.evaluate((bad) => {
      try {
        hw.hub.channel(bad)
        return 'no error'
      } catch (error) {
        return (error as { code?: string }).code
      }
    }, name)
    expect(code).toBe('bad-name')
  })
}

test('an upstream that says it failed is an error with its text, in a late tab too, and what came before is kept', async ({
  upstream,
  tabs,
}) => {
  const stream = upstream.script('fails', { format: 'ai-sdk', chunks: lines(20, 'word'), released: 20, ends: false })
  const [tab] = await tabs(1)
  if (tab === undefined) throw new Error('no tab')
  await tab.send('fails', { url: stream.path, method: 'POST', body: {} })
  await expectSeq([tab], 'fails', 20)
  stream.fail('The model is overloaded.')
  await expect.poll(() => tab.status('fails')).toBe('error')
  const [late] = await tabs(1)
  await late?.follow('fails')
  for (const one of [tab, late]) {
    // The status is known before the text is, which is asked for by the first look.
    await expect
      .poll(async () => (await one?.view('fails'))?.state)
      .toMatchObject({
        status: 'error',
        code: 'upstream-error',
        error: expect.stringContaining('The model is overloaded.'),
        text: stream.truth.join(''),
        canRetry: true,
        done: false,
      })
  }
})

test('an address that answers 404 is an error that says so, not a stream without content', async ({
  upstream,
  tabs,
}) => {
  const stream = upstream.script('gone', { format: 'text', chunks: ['x'] })
  stream.refuse(100, 404)
  const [tab] = await tabs(1)
  await tab?.send('gone', { url: stream.path })
  await expect.poll(() => tab?.status('gone')).toBe('error')
  expect((await tab?.view('gone'))?.state).toMatchObject({ code: 'http', error: expect.stringContaining('404') })
})

test('a page that says garbage to the hub, on ports of its own, is refused or dropped, and no other tab notices', async ({
  upstream,
  context,
}) => {
  // The address and options of the hub's worker, for a port beside the library's.
  await context.addInitScript(() => {
    const Original = SharedWorker
    globalThis.SharedWorker = class extends Original {
      constructor(...args: ConstructorParameters<typeof SharedWorker>) {
        super(...args)
        Object.assign(globalThis, { openRawPort: () => new Original(...args).port })
      }
    }
  })
  const stream = upstream.script('hostile', { format: 'sse-ids', chunks: lines(200), released: 50, ends: false })
  const [page, faulty] = [await context.newPage(), await context.newPage()]
  for (const one of [page, faulty]) await one.goto(upstream.origin)
  const tab = new Tab(page)
  await tab.send('hostile', { url: stream.path })
  await expectSeq([tab], 'hostile', 50)
  const boot = await tab.bootId()
  const answers = await faulty.evaluate(async () => {
    await hw.hub.ready
    const { openRawPort } = globalThis as unknown as { openRawPort: () => MessagePort }
    let ids = 0
    /** A call as Comlink sends it, answered with what the hub says. */
    const call = (port: MessagePort, method: string, values: unknown[], transfer: Transferable[] = []) =>
      new Promise<unknown>((resolve) => {
        const id = `call-${++ids}`
        port.addEventListener('message', ({ data }: MessageEvent<{ id: string; value: unknown }>) => {
          if (data.id === id) resolve(data.value)
        })
        port.start()
        const argumentList = values.map((value) => ({ type: 'RAW', value }))
        port.postMessage({ id, type: 'APPLY', path: [method], argumentList }, transfer)
      })
    const greet = (port: MessagePort, hello: object) => {
      const back = new MessageChannel()
      // Deliveries are answered with garbage.
      back.port1.onmessage = ({ data }: MessageEvent<{ id: string }>) =>
        back.port1.postMessage({ id: data.id, type: 'RAW', value: { next: 'x' } })
      return call(port, 'hello', [hello, back.port2], [back.port2])
    }
    for (const garbage of [
      'text',
      7,
      [],
      { type: 'APPLY', id: 'x', path: ['constructor'], argumentList: [] },
      { type: 'APPLY', id: 'x', path: ['streams'], argumentList: [{ type: 'HANDLER', name: 'throw' }] },
      { type: 'SET', id: 'x', path: ['hello'], value: { type: 'RAW', value: 1 } },
      { type: 'APPLY', id: 'x', path: ['hello'], argumentList: { length: 1e9 } },
    ]) {
      openRawPort().postMessage(garbage)
    }
    const early = await call(openRawPort(), 'clear', [])
    const old = await greet(openRawPort(), { protocol: 0, minProtocol: 0, clientId: 'raw-1' })
    return navigator.locks.request('headwater:tab:raw-2', async () => {
      const port = openRawPort()
      const welcome = await greet(port, { protocol: 1, minProtocol: 1, clientId: 'raw-2' })
      const attach = { cursorId: 0, channel: 'hostile', streamId: null, from: 1 }
      await call(port, 'attach', [attach])
      // Where nothing is delivered, and so none is dropped for its answers.
      const many = await Promise.all(
        Array.from({ length: 1_100 }, (_, i) =>
          call(port, 'attach', [{ ...attach, channel: 'none', cursorId: i + 1 }]),
        ),
      )
      const huge = await call(port, 'start', [
        { streamId: 'x'.repeat(1e6), channel: 'hostile', source: null, mode: 'replace' },
      ])
      return { early, old, welcome, last: many.at(-1), huge, bye: await call(port, 'bye', []) }
    })
  })
  expect(answers).toMatchObject({
    early: { ok: false, error: { code: 'bad-message' } },
    old: { ok: false, error: { code: 'incompatible' } },
    welcome: { ok: true },
    last: { ok: false, error: { code: 'too-large' } },
    huge: { ok: false },
    bye: { ok: true },
  })
  stream.release()
  stream.end()
  await expectWhole([tab], 'hostile', stream.truth.join(''))
  expect(await tab.bootId()).toBe(boot)
  expect(stream.requests).toHaveLength(1)
})

test('a part of the library that the network keeps back is asked for again', async ({ upstream, tabs }) => {
  chromiumOnly('load a part again')
  const [tab] = await tabs(1)
  if (tab === undefined) throw new Error('no tab')
  upstream.missing = /channel-events-/
  let refused = 0
  tab.page.on('response', (answer) => {
    if (/channel-events-/.test(answer.url()) && answer.status() === 404) refused += 1
  })
  await tab.page.evaluate(() => hw.listen('parts', 'news'))
  await expect.poll(() => refused).toBe(1)
  upstream.missing = null
  await tab.page.evaluate(() => hw.hub.channel('parts').publish('news', 'at last'))
  await expect.poll(() => tab.page.evaluate(() => hw.heard())).toMatchObject([{ event: 'news', data: 'at last' }])
})
