import type { Browser, BrowserContext, Page } from 'playwright'
import { crashTab, killHub, stopServiceWorkers } from '../e2e/harness/browser.ts'
import { until } from '../e2e/harness/poll.ts'
import type { ScriptedStream } from '../e2e/harness/scripted-stream.ts'
import { TestUpstream } from '../e2e/harness/test-upstream.ts'
import { lines } from '../e2e/harness/truth.ts'
import type { View } from '../e2e/page/page.ts'
import type { Walked } from './steps.ts'
import { pick, stepOf, weigh } from './steps.ts'
import { must, Violation } from './violation.ts'

const CHANNELS = ['one', 'two', 'three'] as const
const TRUTH = 400
/** How long a view may take to be complete when all is at peace: back-offs and probes of 15 seconds. */
const COMPLETE_MS = 60_000

/** A stream that a page writes, by its id. */
interface Written {
  id: string
  /** Begins each of its lines, as with the streams of a server. */
  name: string
  page: Page
  /** All that was written, and how many lines that is. */
  text: string
  lines: number
  finished: boolean
}

/** One walk in Chromium: real tabs, workers, storage and sockets; the truth is the test server's own. */
class BrowserWalker {
  readonly context: BrowserContext
  readonly upstream: TestUpstream
  /** Folders of the versions that are deployed in turn; their hubs run side by side. */
  readonly releases: readonly [string, ...string[]]
  readonly streams = new Map<string, ScriptedStream>()
  tabs: Page[] = []
  written: Written[] = []
  #unanswered = 0

  constructor(context: BrowserContext, upstream: TestUpstream, releases: readonly [string, ...string[]]) {
    this.context = context
    this.upstream = upstream
    this.releases = releases
  }

  /** Opens a tab. From the first one on, pages come out of the service worker, without a network too. */
  async open(kept: Readonly<Record<string, string>> = {}): Promise<void> {
    const page = await this.context.newPage()
    await page.addInitScript((entries) => Object.assign(sessionStorage, entries), kept)
    await this.load(page, () => page.goto(this.upstream.origin))
    this.tabs.push(page)
  }

  /** Loads a page, and follows everything in it. */
  async load(page: Page, how: () => Promise<unknown>): Promise<void> {
    await how()
    await page.evaluate((names) => names.forEach((name) => void hw.follow(name)), CHANNELS)
  }

  /** The version that is deployed takes over: tabs that are open stay what they are. */
  async serveOffline(page: Page): Promise<void> {
    await page.evaluate(async () => {
      const { serviceWorker } = navigator
      const registration = await serviceWorker.register('/service-worker.js')
      await registration.update()
      const { installing, waiting } = registration
      const newer = installing ?? waiting
      if (newer === null) return void (await serviceWorker.ready)
      await new Promise<void>((resolve) => {
        const look = (): void => {
          if (newer.state === 'installed') newer.postMessage({ type: 'SKIP_WAITING' })
          if (newer.state === 'activated' || newer.state === 'redundant') resolve()
        }
        newer.addEventListener('statechange', look)
        look()
      })
    })
  }

  /** The network is there, or gone for pages, workers and servers alike. */
  async setOnline(online: boolean): Promise<void> {
    if (online) this.upstream.up = true
    else this.upstream.goDown()
    await this.context.setOffline(!online)
  }

  /** Each source is a path of its own, so that what is shown can be told from what another run said. */
  script(channel: string, kind: 'get' | 'post'): ScriptedStream {
    const name = `${channel}-${kind}-${this.streams.size}`
    const stream = this.upstream.script(name, {
      format: kind === 'get' ? 'sse-ids' : 'ai-sdk',
      chunks: lines(TRUTH, name),
      released: 3,
      ends: false,
    })
    this.streams.set(name, stream)
    return stream
  }

  /** The truth whose first line this text begins with. */
  #truthOf(text: string): string | undefined {
    for (const [name, { truth }] of this.streams) if (text.startsWith(`${name} 1 `)) return truth.join('')
    return this.written.find(({ name }) => text.startsWith(`${name} 1 `))?.text
  }

  /** A call of a page: nobody waits for it but the final round, since until it is answered it may still be carried out. */
  asked(call: Promise<unknown>): void {
    this.#unanswered += 1
    const answered = (): void => void (this.#unanswered -= 1)
    // A refusal is an answer.
    call.then(answered, answered)
  }

  async allAnswered(): Promise<void> {
    await until('every call to be answered', async () => this.#unanswered === 0 || null, COMPLETE_MS).catch(() => {
      throw new Violation('in the end every call is answered', `${this.#unanswered} are not`)
    })
  }

  /** What this page wrote it writes no more. */
  left(page: Page): void {
    for (const written of this.written) if (written.page === page) written.finished = true
  }

  /** What a page may still write. */
  get writers(): Written[] {
    return this.written.filter(({ finished, page }) => !finished && this.tabs.includes(page))
  }

  async #checkWriters(): Promise<void> {
    for (const { id, name, page } of this.writers) {
      const aborted = await page.evaluate((sink) => hw.aborted(sink), id)
      const what = (): string => `${name}: ${JSON.stringify(aborted)}`
      must(aborted === null || aborted.code === 'cancelled', 'a page that writes is told the truth', what)
    }
  }

  async views(page: Page): Promise<View[]> {
    return page.evaluate((names) => names.map((name) => hw.view(name)), CHANNELS)
  }

  async check(): Promise<void> {
    await this.#checkWriters()
    for (const page of this.tabs) {
      for (const { state, streams } of await this.views(page)) {
        for (const stream of streams) {
          const what = (): string => JSON.stringify({ ...stream, text: stream.text.slice(-100) })
          must(stream.contiguous && stream.gaps === 0, 'a reader gets every chunk once', what)
        }
        if (state.text === '') continue
        const truth = this.#truthOf(state.text)
        const what = (): string => JSON.stringify({ ...state, parts: [], text: state.text.slice(-200) })
        // A text may end inside its first line's name only where nothing of it is shown yet.
        must(truth !== undefined && truth.startsWith(state.text), 'a view is a prefix of the truth', what)
        must(state.status !== 'done' || state.text === truth, 'done is shown with the last chunk', what)
      }
    }
    for (const [name, stream] of this.streams) {
      // What a browser repeats on its own account was on a kept connection; none of ours comes after one that was not.
      const posts = stream.requests.filter(({ method }) => method === 'POST')
      const again = posts.find(({ idempotencyKey: key, kept }, i) => {
        return !kept && posts.slice(i + 1).some(({ idempotencyKey }) => idempotencyKey === key)
      })
      must(again === undefined, 'a POST is sent once', () => `${name}: ${JSON.stringify(posts)}`)
    }
  }
}

type Act = (walker: BrowserWalker, random: () => number) => Promise<string | null>

const verb =
  (kind: 'stop' | 'resume' | 'cancel' | 'retry'): Act =>
  async (walker, random) => {
    const page = pick(random, walker.tabs)
    const channel = pick(random, CHANNELS)
    if (page === undefined || channel === undefined) return null
    // What it comes to is seen in the views; a refusal is one of the answers.
    walker.asked(page.evaluate(([name, what]) => hw.verb(name, what), [channel, kind] as const))
    return `${kind} ${channel}`
  }

const start =
  (how: 'send' | 'open', kind: 'get' | 'post'): Act =>
  async (walker, random) => {
    const page = pick(random, walker.tabs)
    const channel = pick(random, CHANNELS)
    if (page === undefined || channel === undefined) return null
    const { path } = walker.script(channel, kind)
    const source = { url: path, ...(kind === 'post' && { method: 'POST', body: {} }) }
    walker.asked(page.evaluate(([name, what, verb]) => hw[verb](name, what), [channel, source, how] as const))
    return `${how} ${path}`
  }

const ACTS: Record<string, Act> = {
  open: async (walker) => (walker.tabs.length < 6 ? (await walker.open(), 'open a tab') : null),
  reload: async (walker, random) => {
    const page = pick(random, walker.tabs)
    if (page === undefined) return null
    walker.left(page)
    await walker.load(page, () => page.reload())
    return 'reload a tab'
  },
  duplicate: async (walker, random) => {
    const page = pick(random, walker.tabs)
    if (page === undefined || walker.tabs.length >= 6) return null
    // As a browser does it: what the tab keeps for its session comes along.
    await walker.open(await page.evaluate(() => ({ ...sessionStorage })))
    return 'duplicate a tab'
  },
  close: async (walker, random) => {
    const page = pick(random, walker.tabs)
    if (page === undefined || walker.tabs.length < 2) return null
    walker.tabs = walker.tabs.filter((other) => other !== page)
    await page.close()
    return 'close a tab'
  },
  crash: async (walker, random) => {
    const page = pick(random, walker.tabs)
    if (page === undefined || walker.tabs.length < 2) return null
    walker.tabs = walker.tabs.filter((other) => other !== page)
    await crashTab(page)
    await page.close()
    return 'crash a tab'
  },
  'kill hub': async ({ context }) => {
    await killHub(context)
    return 'kill the hubs'
  },
  'stop service workers': async ({ tabs }, random) => {
    const page = pick(random, tabs)
    if (page === undefined) return null
    await stopServiceWorkers(page)
    return 'stop the service workers'
  },
  deploy: async (walker, random) => {
    const page = pick(random, walker.tabs)
    const folder = pick(random, walker.releases)
    if (page === undefined || folder === undefined || !walker.upstream.up) return null
    walker.upstream.pageFolder = folder
    await walker.serveOffline(page)
    return `deploy ${folder.split('/').at(-1)}`
  },
  offline: async (walker) => (walker.upstream.up ? (await walker.setOnline(false), 'offline') : null),
  online: async (walker) => (walker.upstream.up ? null : (await walker.setOnline(true), 'online')),
  block: async ({ tabs }, random) => {
    const page = pick(random, tabs)
    if (page === undefined) return null
    await page.evaluate(() =>
      setTimeout(() => {
        const end = performance.now() + 500
        while (performance.now() < end);
      }),
    )
    return 'block a tab'
  },
  hide: async (walker, random) => {
    const page = pick(random, walker.tabs)
    if (page === undefined) return null
    walker.left(page)
    await page.evaluate(() => {
      dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))
      dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))
    })
    return 'a tab into the back-forward cache and back'
  },
  cut: async ({ streams }, random) => {
    for (const stream of streams.values()) stream.cut({ inside: random() < 0.5 })
    return 'cut all'
  },
  'end of body': async ({ streams }) => {
    for (const stream of streams.values()) stream.closeBodies()
    return 'all bodies end'
  },
  refuse: async ({ streams }, random) => {
    for (const stream of streams.values()) stream.refuse(2, random() < 0.5 ? null : 503)
    return 'refuse twice'
  },
  release: async ({ streams }, random) => {
    const count = 1 + Math.floor(random() * 30)
    for (const stream of streams.values()) stream.release(count)
    return `release ${count}`
  },
  end: async ({ streams }, random) => {
    const stream = pick(random, [...streams.values()].slice(-4))
    stream?.release()
    stream?.end()
    return stream ? `end ${stream.path}` : null
  },
  'open a source': start('open', 'get'),
  send: start('send', 'get'),
  post: start('send', 'post'),
  'start writing': async (walker, random) => {
    const page = pick(random, walker.tabs)
    const channel = pick(random, CHANNELS)
    if (page === undefined || channel === undefined) return null
    const id = await page.evaluate((name) => hw.start(name), channel)
    // Until it has begun, streams of the final round may come before it.
    walker.asked(page.evaluate((sink) => hw.started(sink), id))
    const name = `page-${channel}-${walker.written.length}`
    walker.written.push({ id, name, page, text: '', lines: 0, finished: false })
    return `a tab starts to write ${name}`
  },
  write: async ({ writers }, random) => {
    const written = pick(random, writers)
    if (written === undefined) return null
    const { id, name, page } = written
    const chunks = Array.from(
      { length: 1 + Math.floor(random() * 20) },
      (_, i) => `${name} ${written.lines + i + 1} \n`,
    )
    written.lines += chunks.length
    written.text += chunks.join('')
    await page.evaluate(([sink, all]) => all.forEach((chunk) => void hw.sink(sink).write(chunk)), [id, chunks] as const)
    return `${chunks.length} more of ${name}`
  },
  finish: async ({ writers }, random) => {
    const written = pick(random, writers)
    if (written === undefined) return null
    written.finished = true
    await written.page.evaluate((sink) => void hw.sink(sink).close(), written.id)
    return `done of ${written.name}`
  },
  stop: verb('stop'),
  resume: verb('resume'),
  cancel: verb('cancel'),
  retry: verb('retry'),
}

const WEIGHTS: Readonly<Record<string, number>> = {
  open: 4,
  duplicate: 1,
  reload: 4,
  close: 2,
  crash: 1,
  'kill hub': 3,
  'stop service workers': 1,
  deploy: 1,
  offline: 1,
  online: 3,
  block: 1,
  hide: 2,
  cut: 3,
  'end of body': 1,
  refuse: 1,
  release: 14,
  end: 2,
  'open a source': 3,
  send: 2,
  post: 2,
  'start writing': 2,
  write: 8,
  finish: 1,
  stop: 2,
  resume: 4,
  cancel: 1,
  retry: 1,
}

/** All come to their end; one tab more sends one stream more in each channel, and every tab must show that one whole. */
async function finalRound(walker: BrowserWalker): Promise<void> {
  await walker.setOnline(true)
  for (const stream of walker.streams.values()) {
    stream.refuse(0)
    stream.release()
    stream.end()
  }
  await walker.allAnswered()
  await walker.open()
  const last = walker.tabs.at(-1) as Page
  for (const channel of CHANNELS) {
    const stream = walker.script(channel, 'get')
    await last.evaluate(([name, url]) => hw.send(name, { url }), [channel, stream.path] as const)
    stream.release()
    stream.end()
    for (const page of walker.tabs) {
      let shown: View['state'] | undefined
      const whole = async (): Promise<true | null> => {
        shown = (await page.evaluate((name) => hw.view(name), channel)).state
        return shown.status === 'done' && shown.text === stream.truth.join('') ? true : null
      }
      await until('every tab to be complete', whole, COMPLETE_MS).catch(async () => {
        const told = await Promise.all(walker.tabs.map((tab) => tab.evaluate(() => hw.describe())))
        throw new Violation(
          'in the end every tab is complete',
          [
            JSON.stringify({ ...shown, parts: [], text: shown?.text.slice(-80) }),
            ...told,
            walker.upstream.describe(),
          ].join('\n'),
        )
      })
    }
    must(stream.mostOpen === 1, 'one connection per stream', () => `${stream.path}: ${stream.mostOpen}`)
  }
  await walker.check()
}

/** One walk in a browser: the steps of these numbers, in order, out of those of the seed; then the final round. */
export async function walkInBrowser(
  browser: Browser,
  releases: readonly [string, ...string[]],
  seed: number,
  indexes: readonly number[],
): Promise<Walked> {
  const walked: Walked = { log: [], failure: null, taken: 0 }
  const upstream = await TestUpstream.start(releases[0])
  const context = await browser.newContext()
  const walker = new BrowserWalker(context, upstream, releases)
  try {
    await walker.open()
    await walker.serveOffline(walker.tabs[0] as Page)
    for (const index of indexes) {
      const { random } = stepOf(seed, index)
      const did = await (ACTS[weigh(random, WEIGHTS)] as Act)(walker, random)
      walked.taken += 1
      if (did !== null) walked.log.push(`${index}: ${did}`)
      await walker.check()
    }
    walked.log.push('the final round')
    await finalRound(walker)
  } catch (error) {
    walked.failure = { rule: error instanceof Violation ? error.rule : `thrown: ${String(error).slice(0, 200)}`, error }
  } finally {
    await context.close()
    await upstream.close()
  }
  return walked
}
