import type { Browser, BrowserContext, CDPSession, Page, Worker } from '@playwright/test'
import { until } from './poll.ts'

interface Target {
  targetId: string
  type: string
  url: string
  browserContextId?: string
}

async function withBrowserSession<T>(browser: Browser, task: (session: CDPSession) => Promise<T>): Promise<T> {
  const session = await browser.newBrowserCDPSession()
  try {
    return await task(session)
  } finally {
    await session.detach()
  }
}

function browserOf(context: BrowserContext): Browser {
  const browser = context.browser()
  if (browser === null) throw new Error('This context has no browser of its own to talk to.')
  return browser
}

async function contextId(context: BrowserContext): Promise<string | undefined> {
  const [page] = context.pages()
  if (page === undefined) throw new Error('The context has no page.')
  const session = await context.newCDPSession(page)
  const { targetInfo } = (await session.send('Target.getTargetInfo')) as { targetInfo: Target }
  await session.detach()
  return targetInfo.browserContextId
}

/** SharedWorkers of a context that are alive: the hubs. */
export async function hubsOf(context: BrowserContext): Promise<string[]> {
  const own = await contextId(context)
  return withBrowserSession(browserOf(context), async (session) => {
    // Without this filter the browser leaves workers out.
    const { targetInfos } = (await session.send('Target.getTargets', { filter: [{}] })) as { targetInfos: Target[] }
    return targetInfos
      .filter((target) => target.type === 'shared_worker' && target.browserContextId === own)
      .map((target) => target.targetId)
  })
}

/** The tab that leads, where the hub is its dedicated worker. */
export async function leaderOf(context: BrowserContext): Promise<{ page: Page; worker: Worker }> {
  return until('a tab to lead', () => {
    for (const page of context.pages()) {
      const worker = page.workers().find((candidate) => /leader-worker/.test(candidate.url()))
      if (worker !== undefined) return { page, worker }
    }
    return null
  })
}

/**
 * Kills every hub of a context, as the browser would when memory is short. Works on a SharedWorker that spins, too. The browser kills no
 * dedicated worker alone: that one ends itself. Answers with when: milliseconds since the epoch.
 */
export async function killHub(context: BrowserContext): Promise<number> {
  const [page] = context.pages()
  if (page !== undefined && !(await page.evaluate(() => 'SharedWorker' in globalThis))) {
    const { worker } = await leaderOf(context)
    const ended = new Promise((resolve) => worker.once('close', resolve))
    const when = Date.now()
    // Its end may overtake the answer.
    worker.evaluate(() => self.close()).catch(() => {})
    await ended
    return when
  }
  const hubs = await until('a hub to kill', async () => {
    const found = await hubsOf(context)
    return found.length > 0 ? found : null
  })
  return withBrowserSession(browserOf(context), async (session) => {
    const when = performance.timeOrigin + performance.now()
    for (const targetId of hubs) await session.send('Target.closeTarget', { targetId })
    return when
  })
}

/** Crashes a tab's process. What lived in that process is gone, the hub included if this tab created it. */
export async function crashTab(page: Page): Promise<void> {
  const crashed = page.waitForEvent('crash')
  // The navigation never ends: the process that would say so is gone.
  page.goto('chrome://crash').catch(() => {})
  await crashed
}

/** Stops the service workers of a page's origin; the browser starts them again when they are needed. */
export async function stopServiceWorkers(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page)
  await session.send('ServiceWorker.enable')
  await session.send('ServiceWorker.stopAllWorkers')
  await session.detach()
}

/** Opens tabs that share workers and storage. */
export async function openTabs(context: BrowserContext, url: string, count: number): Promise<Page[]> {
  const pages: Page[] = []
  for (let i = 0; i < count; i++) {
    const page = await context.newPage()
    await page.goto(url)
    pages.push(page)
  }
  return pages
}
