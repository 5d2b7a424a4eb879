import { defineConfig } from '@playwright/test'
import type { Tier } from './src/protocol/hub-port.ts'
import { chromiumArgs, findChromium, findFirefox } from './scripts/find-browser.mjs'

const executablePath = await findChromium()
const firefox = findFirefox()

// Chosen before the runner looks for tests: which cells of the kill matrix there are depends on it, and its workers must find the same ones.
process.env['HEADWATER_SEED'] ??= String(Date.now() % 2 ** 31)

const onFirefox = {
  browserName: 'firefox' as const,
  // The system's own Firefox, by WebDriver BiDi: Playwright's patched one is a download that not every machine can have.
  channel: 'moz-firefox',
  launchOptions: { args: [], ...(firefox !== null && { executablePath: firefox }) },
}

export default defineConfig<{ tier: Tier }>({
  testDir: 'test',
  outputDir: 'test-results',
  forbidOnly: true,
  fullyParallel: false,
  workers: 2,
  // A test that fails now and then has found something.
  retries: 0,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: 'list',
  globalSetup: './test/e2e/harness/global-setup.ts',
  use: {
    browserName: 'chromium',
    // Recording every action and frame takes as long again as the test.
    trace: process.env['HEADWATER_TRACE'] === '1' ? 'retain-on-failure' : 'off',
    launchOptions: { args: chromiumArgs(), ...(executablePath !== null && { executablePath }) },
  },
  projects: [
    { name: 'e2e', testMatch: 'e2e/**/*.test.ts', testIgnore: 'e2e/matrix/**' },
    {
      name: 'matrix',
      testMatch: 'e2e/matrix/**/*.test.ts',
      // Of eight tabs, for Firefox: see below.
      timeout: 120_000,
      use: { trace: 'off', ...(process.env['HEADWATER_MATRIX_ENGINE'] === 'firefox' && onFirefox) },
    },
    // The same tests, where the hub is a dedicated worker of the tab that leads.
    {
      name: 'leader-tab',
      testMatch: ['e2e/library/*.test.ts', 'e2e/server/upload.test.ts'],
      // That one opens ports to a SharedWorker by itself.
      grepInvert: /says garbage to the hub, on ports of its own/,
      use: { tier: 'leader-tab' },
    },
    // One page with a hub of its own, in memory: what needs no second tab and no second life.
    {
      name: 'in-page',
      testMatch: 'e2e/library/*.test.ts',
      use: { tier: 'page' },
      grep: /fault (?:1|2|4|5|10|26|29):|which tier|refused at the door|answers 404|eight streams in one tab/,
    },
    { name: 'pack', testMatch: 'pack/**/*.test.ts', timeout: 240_000 },
    // Drives its browser by itself.
    { name: 'webkit', testMatch: 'webkit/**/*.test.ts' },
    {
      name: 'firefox',
      testMatch: 'e2e/**/*.test.ts',
      // No browser takes part in the harness' and the servers', and axe finds the same in the same document: once is enough. WebDriver BiDi does
      // not show the workers of a page, which those of the leader tab look at; `npm run test:matrix` has an engine of its own to choose.
      testIgnore: [
        'e2e/harness/**',
        'e2e/app/accessibility.test.ts',
        'e2e/server/start.test.ts',
        'e2e/server/several-servers.test.ts',
        'e2e/tiers/**',
        'e2e/matrix/**',
      ],
      // Opening a tab takes it several times as long as Chromium.
      timeout: 120_000,
      use: onFirefox,
    },
  ],
})
