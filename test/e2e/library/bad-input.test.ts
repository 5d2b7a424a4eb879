import { expect, test } from '../harness/fixtures.ts'
import { expectSeq, lines } from '../harness/truth.ts'

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
  expect(['worker-failed', 'reload-needed']).toContain(code)
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
  await expect.poll(() => late?.status('fails')).toBe('error')
  for (const view of [await tab.view('fails'), await late?.view('fails')]) {
    expect(view?.state).toMatchObject({
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
