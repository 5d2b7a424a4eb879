// A smoke test of the third engine: what is built on must be there, whichever tier the hub runs in.
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, test as base } from '@playwright/test'
import type { Source } from '../../src/protocol/source.ts'
import { PAGE_FOLDER } from '../e2e/harness/build-page.ts'
import { Pipe } from '../e2e/harness/pipe.ts'
import { until } from '../e2e/harness/poll.ts'
import { HeadwaterServer } from '../e2e/harness/server.ts'
import { TestUpstream } from '../e2e/harness/test-upstream.ts'
import { expectPrefix, expectSeq, expectWhole, lines } from '../e2e/harness/truth.ts'
import type { Viewer } from '../e2e/harness/truth.ts'
import type { View } from '../e2e/page/page.ts'
import { WebKitBrowser } from './webdriver.ts'
import type { WebKitWindow } from './webdriver.ts'

/** The test page in a tab of WebKit. */
class WebKitTab implements Viewer {
  readonly window: WebKitWindow

  constructor(window: WebKitWindow) {
    this.window = window
  }

  follow(channel: string): Promise<void> {
    return this.window.evaluate((name: string) => void hw.follow(name), channel)
  }

  open(channel: string, source: Source): Promise<string> {
    return this.window.evaluate(({ channel, source }) => hw.open(channel, source), { channel, source })
  }

  verb(channel: string, verb: 'stop' | 'resume'): Promise<void> {
    return this.window.evaluate(({ channel, verb }) => hw.verb(channel, verb), { channel, verb })
  }

  view(channel: string): Promise<View> {
    return this.window.evaluate((name: string) => hw.view(name), channel)
  }

  async status(channel: string): Promise<string> {
    return (await this.view(channel)).state.status
  }

  async seq(channel: string): Promise<number> {
    return (await this.view(channel)).state.seq
  }
}

interface Fixtures {
  webkit: WebKitBrowser
  upstream: TestUpstream
  server: HeadwaterServer
  /** Opens test pages on the upstream's origin, one after the other. */
  tabs: (count: number) => Promise<WebKitTab[]>
}

const test = base.extend<Fixtures>({
  webkit: async ({}, use) => {
    const webkit = await WebKitBrowser.start()
    await use(webkit)
    await webkit.close()
  },
  upstream: async ({}, use) => {
    const upstream = await TestUpstream.start(PAGE_FOLDER)
    await use(upstream)
    await upstream.close()
  },
  server: async ({}, use) => {
    const server = await HeadwaterServer.start()
    await use(server)
    await server.close()
  },
  tabs: async ({ webkit, upstream }, use) => {
    await use(async (count) => {
      const tabs: WebKitTab[] = []
      for (let i = 0; i < count; i++) tabs.push(new WebKitTab(await webkit.open(upstream.origin)))
      return tabs
    })
  },
})

const pair = ([first, second]: WebKitTab[]): [WebKitTab, WebKitTab] => {
  if (first === undefined || second === undefined) throw new Error('no tabs')
  return [first, second]
}

test('WebKit: two tabs show the same stream live over one connection, and a late one has all of it', async ({
  upstream,
  tabs,
}) => {
  const stream = upstream.script('two', { format: 'sse-ids', chunks: lines(200), released: 50, ends: false })
  const both = pair(await tabs(2))
  await both[1].follow('two')
  await both[0].open('two', { url: stream.path })
  await expectSeq(both, 'two', 50)
  const [late] = await tabs(1)
  if (late === undefined) throw new Error('no tab')
  await late.follow('two')
  await expectSeq([late], 'two', 50)
  stream.release()
  stream.end()
  await expectWhole([...both, late], 'two', stream.truth.join(''))
  expect(stream.mostOpen).toBe(1)
})

test('WebKit: a reload in mid-stream comes back with everything and goes on live, and a verb works from the other tab', async ({
  upstream,
  tabs,
}) => {
  const stream = upstream.script('reload', { format: 'sse-ids', chunks: lines(120), released: 70, ends: false })
  const both = pair(await tabs(2))
  const [first, second] = both
  await second.follow('reload')
  await first.open('reload', { url: stream.path })
  await expectSeq(both, 'reload', 70)
  await first.window.reload()
  await first.follow('reload')
  await expectSeq([first], 'reload', 70)
  await second.verb('reload', 'stop')
  for (const tab of both) await expect.poll(() => tab.status('reload')).toBe('stopped')
  await first.verb('reload', 'resume')
  stream.release()
  stream.end()
  await expectWhole(both, 'reload', stream.truth.join(''))
  expect(stream.mostOpen).toBe(1)
})

test('WebKit: the server is killed and restarted in the middle of a pipe, and both tabs end byte-identical', async ({
  upstream,
  server,
  tabs,
}) => {
  upstream.proxyTo(server.url)
  const said = lines(900)
  const pipe = new Pipe(server.url, 'restart')
  pipe.write(said.slice(0, 300).join(''))
  const both = await tabs(2)
  const source: Source = { url: await server.newestRun('restart'), format: 'durable-stream' }
  for (const tab of both) await tab.open('restart', source)
  const shown = async (tab: WebKitTab): Promise<string> => (await tab.view('restart')).streams.at(-1)?.text ?? ''
  for (const tab of both) await expect.poll(() => shown(tab)).toBe(said.slice(0, 300).join(''))
  await server.kill()
  pipe.write(said.slice(300, 600).join(''))
  for (const tab of both) {
    await expect.poll(() => tab.status('restart')).toMatch(/reconnecting|disconnected/)
    await expectPrefix(tab, 'restart', said.join(''))
  }
  await server.start()
  pipe.write(said.slice(600).join(''))
  pipe.end()
  await expectWhole(both, 'restart', said.join(''))
  expect(await pipe.exit).toBe(0)
})

/** What a page says by itself, after WebDriver has given it up: it ends its session when a page crashes, though the other pages live on. */
class Reports implements Viewer {
  readonly #server: Server
  #last: View | null = null

  private constructor(server: Server) {
    this.#server = server
  }

  static async of(tab: WebKitTab, channel: string): Promise<Reports> {
    const server = createServer()
    const reports = new Reports(server)
    server.on('request', (request, response) => {
      void text(request).then((body) => {
        reports.#last = JSON.parse(body) as View
        response.end()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    await tab.window.evaluate(
      ({ url, channel }) => {
        const report = (): unknown =>
          fetch(url, { method: 'POST', mode: 'no-cors', body: JSON.stringify(hw.view(channel)) })
        setInterval(report, 100)
      },
      { url, channel },
    )
    return reports
  }

  async view(): Promise<View> {
    return until('a report of the page', () => this.#last)
  }

  async status(): Promise<string> {
    return (await this.view()).state.status
  }

  async seq(): Promise<number> {
    return (await this.view()).state.seq
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}

test('WebKit: a web process is killed, with the hub if that lived there: the other tab goes on, without duplicate or hole', async ({
  upstream,
  webkit,
  tabs,
}) => {
  const stream = upstream.script('killed', { format: 'sse-ids', chunks: lines(400), released: 100, ends: false })
  const [first] = await tabs(1)
  const before = await webkit.webProcesses()
  const [second] = await tabs(1)
  if (first === undefined || second === undefined) throw new Error('no tabs')
  const own = (await webkit.webProcesses()).filter((pid) => !before.includes(pid))
  expect(own, 'the second tab has a process of its own').toHaveLength(1)
  await second.follow('killed')
  await first.open('killed', { url: stream.path })
  await expectSeq([first, second], 'killed', 100)
  const survivor = await Reports.of(second, 'killed')
  for (const pid of before) process.kill(pid, 'SIGKILL')
  await expect.poll(() => webkit.webProcesses()).toEqual(own)
  stream.release()
  stream.end()
  await expectWhole([survivor], 'killed', stream.truth.join(''))
  survivor.close()
  // The dead page's socket is WebKit's network process's to close, which may take a moment longer than to free its lock.
  expect(stream.mostOpen).toBeLessThanOrEqual(2)
})

/** All text of a page, that of shadow roots included. */
function deepText(): string {
  const texts: string[] = []
  const visit = (node: Node): void => {
    if (node instanceof Text) texts.push(node.data)
    if (node instanceof HTMLStyleElement) return
    if (node instanceof Element && node.shadowRoot) visit(node.shadowRoot)
    node.childNodes.forEach(visit)
  }
  visit(document.body)
  return texts.join('')
}

test('WebKit: the app opens from its service worker while the server is away, with all that was received, and goes on', async ({
  webkit,
  server,
}) => {
  const said = lines(600)
  const pipe = new Pipe(server.url, 'build')
  pipe.write(said.slice(0, 300).join(''))
  await server.newestRun('build')
  const app = await webkit.open(`${server.url}/c/build`)
  await expect.poll(() => app.evaluate(deepText)).toContain('line 300')
  await app.evaluate(() => navigator.serviceWorker.ready.then(() => undefined))
  await server.stop()
  await app.reload()
  await expect.poll(() => app.evaluate(deepText), { timeout: 30_000 }).toContain('line 300')
  expect(await app.evaluate(deepText)).toContain('cannot be reached')
  await server.start()
  pipe.write(said.slice(300).join(''))
  pipe.end()
  await expect.poll(() => app.evaluate(deepText), { timeout: 40_000 }).toContain('line 600')
  expect(await pipe.exit).toBe(0)
})
