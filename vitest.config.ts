import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'
import type { TestProjectInlineConfiguration } from 'vitest/config'
import { chromiumArgs, findChromium, findFirefox } from './scripts/find-browser.mjs'

const executablePath = await findChromium()
const firefox = findFirefox()

type LaunchOptions = NonNullable<Parameters<typeof playwright>[0]>['launchOptions']

/** The tests that need a real browser, in one engine. */
function inBrowser(
  name: string,
  browser: 'chromium' | 'firefox',
  launchOptions: LaunchOptions,
): TestProjectInlineConfiguration {
  return {
    resolve: { alias: { headwater: new URL('./src/client/index.ts', import.meta.url).pathname } },
    // Named here, or a late optimise pass reloads the page in mid-run.
    optimizeDeps: { include: ['idb', 'comlink', 'lit', 'eventsource-parser', 'nanoid', 'fast-check'] },
    test: {
      name,
      include: ['test/browser/**/*.test.ts'],
      browser: {
        enabled: true,
        headless: true,
        screenshotFailures: false,
        // Without a browser the provider fails with its own clear message; `npm test` installs Chromium first.
        provider: playwright({ launchOptions }),
        instances: [{ browser }],
      },
    },
  }
}

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'node',
          environment: 'node',
          // Some wait for most of their time, the conformance suites above all.
          maxWorkers: 2,
          include: ['test/unit/**/*.test.ts', 'test/conformance/**/*.test.ts'],
        },
      },
      inBrowser('browser', 'chromium', {
        args: chromiumArgs(),
        ...(executablePath !== null && { executablePath }),
      }),
      // As in playwright.config.ts: the system's own.
      inBrowser('browser-firefox', 'firefox', {
        channel: 'moz-firefox',
        ...(firefox !== null && { executablePath: firefox }),
      }),
    ],
  },
})
