import { expect } from '@playwright/test'
import type { Browser, BrowserContext, CDPSession, LaunchOptions, Page, Worker } from '@playwright/test'
import { chromiumArgs, findChromium } from '../../../scripts/find-browser.mjs'
import { chromiumOnly } from './engines.ts'
import { until } from './poll.ts'
import { ELSEWHERE } from './test-upstream.ts'

/** On this channel the hub of the test page is told to end itself. */
export const DEATH_CHANNEL = 'headwater-test:die'

/** For Chromium with its back-forward cache, which Playwright turns off. */
export async function withBackForwardCache(): Promise<LaunchOptions> {
  const executablePath = await findChromium()
  return {
    args: chromiumArgs(),
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
    ...(executablePath !== null && { executablePath }),
  }
}

/** Sends a page into the back-forward cache. Answers with the way to bring it back, which fails where the browser had not kept it. */
export async function cachePage(page: Page): Promise<() => Promise<void>> {
  await page.evaluate(() => {
    addEventListener('pageshow', ({ persisted }) => Object.assign(globalThis, { cameBack: persisted }))
  })
  await page.goto(new URL(ELSEWHERE, page.url()).href)
  return async () => {
    await page.goBack({ waitUntil: 'commit' })
    // The page is there before it has heard that it is.
    const wasKept = (): Promise<object> =>
      page.evaluate(() => ({
        cameBack: (globalThis as { cameBack?: boolean }).cameBack,
        // Where it was not, the browser says why.
        whyNot: (performance.getEntriesByType('navigation')[0] as { notRestoredReasons?: unknown }).notRestoredReasons,
      }))
    await expect.poll(wasKept).toMatchObject({ cameBack: true })
  }
}

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
  return (await hubTargetsOf(context)).map(({ targetId }) => targetId)
}

/** Addresses of the scripts that the hubs of a context run. */
export async function hubScriptsOf(context: BrowserContext): Promise<string[]> {
  chromiumOnly('see which script a hub runs')
  return (await hubTargetsOf(context)).map(({ url }) => url)
}

async function hubTargetsOf(context: BrowserContext): Promise<Target[]> {
  const own = await contextId(context)
  return withBrowserSession(browserOf(context), async (session) => {
    // Without this filter the browser leaves workers out.
    const { targetInfos } = (await session.send('Target.getTargets', { filter: [{}] })) as { targetInfos: Target[] }
    return targetInfos.filter((target) => target.type === 'shared_worker' && target.browserContextId === own)
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

/** What kills or stops the hub of a context: SharedWorkers, or the dedicated worker of the tab that leads. */
async function findHub(context: BrowserContext): Promise<string[] | Worker> {
  return until('a hub', async () => {
    const found = await hubsOf(context)
    if (found.length > 0) return found
    const workers = context.pages().flatMap((page) => page.workers())
    return workers.find((worker) => /leader-worker/.test(worker.url())) ?? null
  })
}

/**
 * Kills every hub of a context, or those that {@link hubsOf} named, as the browser would when memory is short. In Chromium it works on a
 * SharedWorker that spins, too. The browser kills no dedicated worker alone: that one ends itself. Answers with when: milliseconds since the
 * epoch.
 */
export async function killHub(context: BrowserContext, named: readonly string[] | null = null): Promise<number> {
  if (browserOf(context).browserType().name() !== 'chromium') return askHubsToDie(context)
  const hubs = named ?? (await findHub(context))
  if ('evaluate' in hubs) {
    const ended = new Promise((resolve) => hubs.once('close', resolve))
    const when = performance.timeOrigin + performance.now()
    // Its end may overtake the answer.
    hubs.evaluate(() => self.close()).catch(() => {})
    await ended
    return when
  }
  return withBrowserSession(browserOf(context), async (session) => {
    const when = performance.timeOrigin + performance.now()
    for (const targetId of hubs) await session.send('Target.closeTarget', { targetId })
    return when
  })
}

/** Hands out workers of another name than those before, so that a page which asks for one does not get the one that is dying. */
function renameWorkers(): void {
  const Before = globalThis.SharedWorker
  globalThis.SharedWorker = class extends Before {
    constructor(url: string | URL, options?: string | WorkerOptions) {
      const given = typeof options === 'string' ? { name: options } : options
      super(url, { ...given, name: `${given?.name ?? ''}+` })
    }
  }
}

/**
 * Where no automation reaches a shared worker: the hub of the test page ends itself at once when it hears this (see `build-page.ts`), in
 * whatever it was doing. To all others that is the same death, except that Firefox 153 connects pages to such a worker for a while yet.
 * Resolves once its lock is free, with when: milliseconds since the epoch.
 */
async function askHubsToDie(context: BrowserContext): Promise<number> {
  const pages = context.pages()
  const [page] = pages
  if (page === undefined) throw new Error('The context has no page.')
  if (!(await page.evaluate(() => 'hw' in globalThis))) chromiumOnly('kill the app’s hub')
  await context.addInitScript(renameWorkers)
  await Promise.all(pages.map((each) => each.evaluate(renameWorkers)))
  return page.evaluate(async (channelName) => {
    const hubs = async (): Promise<string[]> => {
      const { held = [] } = await navigator.locks.query()
      return held.flatMap(({ name }) => (name?.startsWith('headwater:hub:') ? [name] : []))
    }
    let doomed = await hubs()
    while (doomed.length === 0) doomed = await hubs()
    const channel = new BroadcastChannel(channelName)
    const when = Date.now()
    channel.postMessage('die')
    for (const name of doomed) await navigator.locks.request(name, { mode: 'shared' }, () => undefined)
    channel.close()
    return when
  }, DEATH_CHANNEL)
}

/** Sends commands to a shared worker by the browser's own session. Not flattened: such a session reaches workers only by messages that it passes on. */
async function withWorkerSession<T>(
  session: CDPSession,
  targetId: string,
  task: (send: (method: string, params?: object) => Promise<unknown>) => Promise<T>,
): Promise<T> {
  const { sessionId } = await session.send('Target.attachToTarget', { targetId, flatten: false })
  const waiting = new Map<number, (result: unknown) => void>()
  session.on('Target.receivedMessageFromTarget', (event) => {
    if (event.sessionId !== sessionId) return
    const { id, result } = JSON.parse(event.message) as { id: number; result: unknown }
    waiting.get(id)?.(result)
  })
  let last = 0
  const answer = await task((method, params = {}) => {
    const id = ++last
    const answered = new Promise((resolve) => waiting.set(id, resolve))
    const message = JSON.stringify({ id, method, params })
    return session.send('Target.sendMessageToTarget', { sessionId, message }).then(() => answered)
  })
  await session.send('Target.detachFromTarget', { sessionId })
  return answer
}

/** The hub of a context is about to spin: it will hold its locks and hear nothing for that long. */
export async function spinHub(context: BrowserContext, ms: number): Promise<void> {
  const expression = `void setTimeout(() => { const until = Date.now() + ${ms}; while (Date.now() < until); })`
  const hubs = await findHub(context)
  if (!Array.isArray(hubs)) return hubs.evaluate(expression)
  await withBrowserSession(browserOf(context), async (session) => {
    for (const targetId of hubs)
      await withWorkerSession(session, targetId, (send) => send('Runtime.evaluate', { expression }))
  })
}

/** What a thread holds once its garbage is gone. */
export interface Holdings {
  /** Bytes of its JavaScript heap. */
  heap: number
  ports: number
  channels: number
}

/** What a JavaScript thread holds, by its debugger's commands. */
async function holdings(send: (method: string, params?: object) => Promise<unknown>): Promise<Holdings> {
  await send('HeapProfiler.enable')
  // Ports close in one turn, and their other ends in another thread's.
  for (let turn = 0; turn < 3; turn++) await send('HeapProfiler.collectGarbage')
  const count = async (name: string): Promise<number> => {
    const found = await send('Runtime.evaluate', { expression: `${name}.prototype` })
    const { objectId } = (found as { result: { objectId: string } }).result
    // Collects garbage itself.
    const all = await send('Runtime.queryObjects', { prototypeObjectId: objectId })
    const { objects } = all as { objects: { objectId: string } }
    const counted = await send('Runtime.callFunctionOn', {
      objectId: objects.objectId,
      functionDeclaration: 'function () { return this.length }',
      returnByValue: true,
    })
    await send('Runtime.releaseObject', { objectId: objects.objectId })
    return (counted as { result: { value: number } }).result.value
  }
  const ports = await count('MessagePort')
  const channels = await count('BroadcastChannel')
  const { usedSize } = (await send('Runtime.getHeapUsage')) as { usedSize: number }
  return { heap: usedSize, ports, channels }
}

/** What the only hub of a context holds, where it is a shared worker. */
export async function hubHoldings(context: BrowserContext): Promise<Holdings> {
  // Benchmarks come without a test, and with Chromium.
  if (browserOf(context).browserType().name() !== 'chromium') chromiumOnly('look into a heap')
  const [targetId = ''] = await hubsOf(context)
  return withBrowserSession(browserOf(context), (session) => withWorkerSession(session, targetId, holdings))
}

/** What a page holds. */
export async function pageHoldings(page: Page): Promise<Holdings> {
  if (page.context().browser()?.browserType().name() !== 'chromium') chromiumOnly('look into a heap')
  const session = await page.context().newCDPSession(page)
  const found = await holdings((method, params) => session.send(method as 'Runtime.evaluate', params as never))
  await session.detach()
  return found
}

/** Crashes a tab's process. What lived in that process is gone, the hub included if this tab created it. */
export async function crashTab(page: Page): Promise<void> {
  // The random walk comes without a test, and with Chromium.
  if (page.context().browser()?.browserType().name() !== 'chromium') chromiumOnly('crash a tab')
  const crashed = page.waitForEvent('crash')
  // The navigation never ends: the process that would say so is gone.
  page.goto('chrome://crash').catch(() => {})
  await crashed
}

/** Stops the service workers of a page's origin; the browser starts them again when they are needed. */
export async function stopServiceWorkers(page: Page): Promise<void> {
  // Not by the test's own project: the walk is no test.
  if (browserOf(page.context()).browserType().name() !== 'chromium') chromiumOnly('stop a service worker')
  const session = await page.context().newCDPSession(page)
  await session.send('ServiceWorker.enable')
  await session.send('ServiceWorker.stopAllWorkers')
  await session.detach()
}

/** Freezes a tab, as the browser does with those that were hidden for long: no task of its runs. Answers with the way to thaw it. */
export async function freezeTab(page: Page): Promise<() => Promise<void>> {
  chromiumOnly('freeze a tab')
  const session = await page.context().newCDPSession(page)
  await session.send('Page.setWebLifecycleState', { state: 'frozen' })
  return async () => {
    await session.send('Page.setWebLifecycleState', { state: 'active' })
    await session.detach()
  }
}

/**
 * An origin may store so many bytes, until the function that is answered is called. To be called before the origin stores anything: what
 * Chromium 156 found to be free is good for up to 30 s of writing, whatever the quota is by then.
 */
export async function limitStorage(
  context: BrowserContext,
  origin: string,
  bytes: number,
): Promise<() => Promise<void>> {
  chromiumOnly('limit what an origin may store')
  const session = await context.newCDPSession(await context.newPage())
  await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: bytes })
  return async () => void (await session.send('Storage.overrideQuotaForOrigin', { origin }))
}

/** Throws an origin's databases away under whoever has them open, as a person does by "clear site data". */
export async function clearStorage(page: Page, origin: string): Promise<void> {
  chromiumOnly('throw away what an origin stored')
  const session = await page.context().newCDPSession(page)
  await session.send('Storage.clearDataForOrigin', { origin, storageTypes: 'indexeddb' })
  await session.detach()
}

/** Lets the browser tell an origin's service worker that there is a network again (Background Sync), seen from any page of the context. */
export async function dispatchSync(page: Page, origin: string, tag: string): Promise<void> {
  chromiumOnly('dispatch a sync event')
  const session = await page.context().newCDPSession(page)
  let registrationId: string | null = null
  session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
    for (const { registrationId: id, scopeURL, isDeleted } of registrations)
      if (!isDeleted && scopeURL.startsWith(origin)) registrationId = id
  })
  await session.send('ServiceWorker.enable')
  const id = await until('the registration of the service worker', () => registrationId)
  await session.send('ServiceWorker.dispatchSyncEvent', { origin, registrationId: id, tag, lastChance: false })
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
