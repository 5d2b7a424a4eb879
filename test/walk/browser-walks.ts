import { cp } from 'node:fs/promises'
import { chromium } from 'playwright'
import { chromiumArgs, ensureChromium } from '../../scripts/find-browser.mjs'
import { buildPage, PAGE_FOLDER } from '../e2e/harness/build-page.ts'
import { walkInBrowser } from './browser-walk.ts'
import { runWalks, type WalkOptions } from './run-walks.ts'

/** Steps of one walk in a browser: each costs a tenth of a second and more. */
const BROWSER_WALK = 40

/** `npm run test:walk -- --browser`: Chromium, and two releases of the test page. */
export async function runBrowserWalks(options: WalkOptions, say: (line: string) => void): Promise<number> {
  const later = `${PAGE_FOLDER}-later`
  await buildPage()
  await buildPage(later, 'later')
  // A deployment keeps the scripts of others: a tab of each may have to start its hub anew.
  await cp(PAGE_FOLDER, later, { recursive: true, force: false })
  await cp(later, PAGE_FOLDER, { recursive: true, force: false })
  const browser = await chromium.launch({ executablePath: await ensureChromium(), args: chromiumArgs() })
  try {
    const walk = (seed: number, indexes: readonly number[]) =>
      walkInBrowser(browser, [PAGE_FOLDER, later], seed, indexes)
    return await runWalks(walk, { length: BROWSER_WALK, ...options }, say)
  } finally {
    await browser.close()
  }
}
