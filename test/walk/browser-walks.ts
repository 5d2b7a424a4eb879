import { cp } from 'node:fs/promises'
import { chromium } from 'playwright'
import { chromiumArgs, ensureChromium } from '../../scripts/find-browser.mjs'
import { addServiceWorker, buildPage, HUB_NAMES, PAGE_FOLDER } from '../e2e/harness/build-page.ts'
import { walkInBrowser } from './browser-walk.ts'
import { runWalks, type WalkOptions } from './run-walks.ts'

/** Steps of one walk in a browser: each costs a tenth of a second and more. */
const BROWSER_WALK = 40

/** `npm run test:walk -- --browser`: Chromium, and two releases of the test page with the app's service worker. */
export async function runBrowserWalks(options: WalkOptions, say: (line: string) => void): Promise<number> {
  const [first, later] = [`${PAGE_FOLDER}-walk`, `${PAGE_FOLDER}-walk-later`] as const
  await buildPage(first, 'first', HUB_NAMES)
  await buildPage(later, 'later', HUB_NAMES)
  // A deployment keeps the scripts of others: a tab of each may have to start its hub anew.
  await cp(first, later, { recursive: true, force: false })
  await cp(later, first, { recursive: true, force: false })
  await addServiceWorker(first)
  await addServiceWorker(later)
  const browser = await chromium.launch({ executablePath: await ensureChromium(), args: chromiumArgs() })
  try {
    const walk = (seed: number, indexes: readonly number[]) => walkInBrowser(browser, [first, later], seed, indexes)
    return await runWalks(walk, { length: BROWSER_WALK, ...options }, say)
  } finally {
    await browser.close()
  }
}
