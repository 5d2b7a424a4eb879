import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { BrowserContext, Page } from '@playwright/test'
import { expect, test } from '../harness/fixtures.ts'
import { HeadwaterServer } from '../harness/server.ts'
import { AppPage } from './app-page.ts'

/** What a model says that was told to harm its reader. */
const ANSWER = [
  '<script>window.harmed = 1</script><img src=x onerror="window.harmed = 1"><svg onload="window.harmed = 1"></svg>',
  '[script](javascript:window.harmed=1) [coded](java&#115;cript:window.harmed=1) [data](data:text/html,<script>1</script>)',
  '[vb](vbscript:x) [relative](/v1/channels) [blob](blob:http://127.0.0.1/1) [good](https://example.org/page "title")',
  '![picture](https://pictures.invalid/a.png?secret) ![inline](data:image/svg+xml;base64,PHN2Zz48L3N2Zz4=) ![none](javascript:alert(1))',
  '[![nested](https://pictures.invalid/b.png)](https://example.org/nested)',
  '| left | right |\n| :--- | ---: |\n| a | b |',
  '```html" onclick="window.harmed = 1\n<script>window.harmed = 1</script>\n```',
  '```js\nconst harmless = "<img src=x onerror=alert(1)>"\n```',
  '[ref]: javascript:window.harmed=1\n\n[ref]',
  `a${'x'.repeat(20_000)}z`,
  '\u202egnp.exe\u202c \u0000\u0007\u009b31m',
  'The end.',
].join('\n\n')

/** An OpenAI-compatible provider that answers with {@link ANSWER}. */
async function startProvider(): Promise<{ url: string; close: () => void }> {
  const provider = createServer((request, response) => {
    if (request.url?.endsWith('/models')) return void response.end(JSON.stringify({ data: [{ id: 'evil' }] }))
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const chunk = (delta: object, reason: string | null): string =>
      `data: ${JSON.stringify({ id: '1', object: 'chat.completion.chunk', created: 1, model: 'evil', choices: [{ index: 0, delta, finish_reason: reason }] })}\n\n`
    response.write(chunk({ role: 'assistant', content: '' }, null))
    for (let at = 0; at < ANSWER.length; at += 700) response.write(chunk({ content: ANSWER.slice(at, at + 700) }, null))
    response.end(`${chunk({}, 'stop')}data: [DONE]\n\n`)
  })
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve))
  const { port } = provider.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/v1`, close: () => void provider.close() }
}

/** All that would tell of harm: refusals of the content security policy, errors, dialogs, requests elsewhere. */
function watch(page: Page, origin: string): string[] {
  const seen: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || /Content.Security.Policy/i.test(message.text())) seen.push(message.text())
  })
  page.on('pageerror', (error) => seen.push(String(error)))
  page.on('dialog', (dialog) => {
    seen.push(`dialog ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('request', (request) => {
    if (!request.url().startsWith(origin) && !request.url().startsWith('blob:')) seen.push(request.url())
  })
  return seen
}

async function open(context: BrowserContext, url: string): Promise<{ app: AppPage; seen: string[] }> {
  const page = await context.newPage()
  const seen = watch(page, new URL(url).origin)
  await page.goto(url)
  return { app: new AppPage(page), seen }
}

test('an answer that means harm is shown as text: no script, no picture, no request, no breach of the policy', async ({
  context,
}) => {
  const provider = await startProvider()
  const server = await HeadwaterServer.start({ OPENAI_BASE_URL: provider.url, OPENAI_API_KEY: 'none' })
  try {
    const { app, seen } = await open(context, `${server.url}/c/${encodeURIComponent('chat:hostile')}`)
    await app.ask('<img src=x onerror="window.harmed = 1">')
    await app.expectBadge('done')
    await expect(app.exchanges.getByText('The end.')).toBeVisible()
    await expect(app.exchanges.locator('table')).toHaveCount(1)
    await expect(app.exchanges.locator('td', { hasText: 'b' })).toHaveCSS('text-align', 'end')
    const answer = app.exchanges.locator('hw-markdown')
    expect(await answer.locator('script, img, svg, iframe, style, [onclick], [onerror], [style]').count()).toBe(0)
    const links = await answer
      .locator('a')
      .evaluateAll((all) =>
        all.map((link) => [link.getAttribute('href'), link.getAttribute('target'), link.getAttribute('rel')]),
      )
    const addresses = links.flatMap(([href]) => href ?? [])
    expect(addresses.filter((href) => !href.startsWith('https://'))).toEqual([])
    expect(addresses).toContain('https://example.org/page')
    expect(links.filter(([, target, rel]) => target !== '_blank' || rel !== 'noopener noreferrer')).toEqual([])
    expect(await app.page.evaluate(() => 'harmed' in window)).toBe(false)
    // A very long word wraps; it does not push the page sideways.
    expect(await app.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true)
    expect(seen).toEqual([])
  } finally {
    provider.close()
    await server.close()
  }
})

test('a log and a channel that mean harm are shown as text', async ({ server, context }) => {
  const name = '<img src=x onerror=alert(1)>/\u202egnp'
  const channel = encodeURIComponent(name)
  const stream = `${server.url}/v1/stream/${channel}/1`
  const said =
    '<script>window.harmed=1</script>\n\u001b]8;;javascript:alert(1)\u0007link\u001b]8;;\u0007\n' +
    '\u001b]0;title\u0007\u001b[2J\u001b[31;5;48;2;999;0;0mred\u001b[0m\n\u202eright to left\n' +
    `${'long '.repeat(200_000)}\n${'x\r'.repeat(10_000)}over\nlast\n`
  await fetch(stream, { method: 'PUT', headers: { 'content-type': 'text/plain' }, body: said })
  const { app, seen } = await open(context, server.url)
  await expect(app.page.locator('hw-channel-list .title')).toHaveText(name)
  await app.page.locator('hw-channel-list a').click()
  await expect(app.lines).toContainText('last')
  await expect(app.lines).toContainText('<script>window.harmed=1</script>')
  await expect(app.lines).toContainText('more characters')
  expect(await app.lines.locator('a, script, img').count()).toBe(0)
  expect(await app.page.title()).not.toBe('title')
  expect(await app.page.evaluate(() => 'harmed' in window)).toBe(false)
  expect(seen).toEqual([])
})
