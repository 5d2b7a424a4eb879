import { test as base } from '@playwright/test'
import type { Page } from '@playwright/test'
import type { Tier } from '../../../src/protocol/hub-port.ts'
import type { Source } from '../../../src/protocol/source.ts'
import type { View } from '../page/page.ts'
import { PAGE_FOLDER } from './build-page.ts'
import { openTabs } from './browser.ts'
import { HeadwaterServer } from './server.ts'
import type { ServerProxy } from './server-proxy.ts'
import { TestUpstream } from './test-upstream.ts'

export { expect } from '@playwright/test'

/** A test page, with the words that tests use. */
export class Tab {
  readonly page: Page

  constructor(page: Page) {
    this.page = page
  }

  follow(channel: string): Promise<void> {
    return this.page.evaluate((name) => void hw.follow(name), channel)
  }

  send(channel: string, source: Source): Promise<string> {
    return this.page.evaluate(([name, what]) => hw.send(name, what), [channel, source] as const)
  }

  open(channel: string, source: Source): Promise<string> {
    return this.page.evaluate(([name, what]) => hw.open(name, what), [channel, source] as const)
  }

  verb(channel: string, verb: 'stop' | 'resume' | 'cancel' | 'retry'): Promise<void> {
    return this.page.evaluate(([name, what]) => hw.verb(name, what), [channel, verb] as const)
  }

  view(channel: string): Promise<View> {
    return this.page.evaluate((name) => hw.view(name), channel)
  }

  /** The status that the tab shows. */
  status(channel: string): Promise<string> {
    return this.page.evaluate((name) => hw.view(name).state.status, channel)
  }

  /** The seq that the tab shows. */
  seq(channel: string): Promise<number> {
    return this.page.evaluate((name) => hw.view(name).state.seq, channel)
  }

  /** The epoch of the channel's newest stream. */
  epoch(channel: string): Promise<number> {
    return this.page.evaluate(async (name) => (await hw.hub.channel(name).history()).at(-1)?.epoch ?? 0, channel)
  }

  /** Whether the tab says that what it shows is stored. */
  durable(): Promise<boolean | null> {
    return this.page.evaluate(() => hw.hub.info?.durable ?? null)
  }

  bootId(): Promise<string> {
    return this.page.evaluate(() => hw.bootId())
  }

  async reload(): Promise<void> {
    await this.page.reload()
  }
}

/** What a page shows, in words for whoever reads why a test failed. */
function describePage(page: Page): Promise<string> {
  const shown = page.evaluate(() => ('hw' in globalThis ? hw.describe() : document.body.innerText)).catch(String)
  const late = new Promise<string>((resolve) => setTimeout(resolve, 3_000, 'no answer'))
  return Promise.race([shown, late]).then((what) => `page ${page.url()}: ${what}`)
}

interface Options {
  /** What the browser lets pages have, and so where the hub runs. */
  tier: Tier
}

interface Fixtures {
  upstream: TestUpstream
  /** Test pages on the upstream's origin, sharing one hub. */
  tabs: (count: number) => Promise<Tab[]>
  server: HeadwaterServer
  /** The server behind a network that the test controls, on the upstream's origin. */
  network: ServerProxy
}

export const test = base.extend<Options & Fixtures>({
  tier: ['shared-worker', { option: true }],
  context: async ({ context, tier }, use) => {
    if (tier === 'leader-tab') await context.addInitScript(() => Reflect.deleteProperty(globalThis, 'SharedWorker'))
    if (tier === 'page') await context.addInitScript(() => Reflect.deleteProperty(Navigator.prototype, 'locks'))
    await use(context)
  },
  upstream: async ({ context: _ }, use) => {
    const upstream = await TestUpstream.start(PAGE_FOLDER)
    await use(upstream)
    await upstream.close()
  },
  tabs: async ({ context, upstream }, use, testInfo) => {
    await use(async (count) => (await openTabs(context, upstream.origin, count)).map((page) => new Tab(page)))
    if (testInfo.status === testInfo.expectedStatus) return
    console.log(`--- ${testInfo.title}: as it was left`)
    console.log(upstream.describe())
    for (const page of context.pages()) console.log(await describePage(page))
  },
  server: async ({ context: _ }, use) => {
    const server = await HeadwaterServer.start()
    await use(server)
    await server.close()
  },
  network: async ({ upstream, server }, use) => {
    await use(upstream.proxyTo(server.url))
  },
})
