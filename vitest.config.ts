import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'
import { chromiumArgs, findChromium } from './scripts/find-browser.mjs'

const executablePath = await findChromium()

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'node',
          environment: 'node',
          include: ['test/unit/**/*.test.ts', 'test/conformance/**/*.test.ts'],
        },
      },
      {
        resolve: { alias: { headwater: new URL('./src/client/index.ts', import.meta.url).pathname } },
        // Named here, or a late optimise pass reloads the page in mid-run.
        optimizeDeps: { include: ['idb', 'comlink', 'lit', 'eventsource-parser', 'nanoid', 'fast-check'] },
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            // Without a browser the provider fails with its own clear message; `npm test` installs one first.
            provider: playwright({
              launchOptions: { args: chromiumArgs(), ...(executablePath !== null && { executablePath }) },
            }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
    ],
  },
})
