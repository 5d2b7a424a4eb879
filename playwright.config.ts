import { defineConfig } from '@playwright/test'
import { chromiumArgs, findChromium } from './scripts/find-browser.mjs'

const executablePath = await findChromium()

// Chosen before the runner looks for tests: which cells of the kill matrix there are depends on it, and its workers must find the same ones.
process.env['HEADWATER_SEED'] ??= String(Date.now() % 2 ** 31)

export default defineConfig({
  testDir: 'test',
  outputDir: 'test-results',
  forbidOnly: true,
  fullyParallel: false,
  // A browser with eight tabs and a server of its own fill a core.
  workers: 2,
  // A test that fails now and then has found something.
  retries: 0,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: 'list',
  globalSetup: './test/e2e/harness/global-setup.ts',
  use: {
    browserName: 'chromium',
    trace: 'retain-on-failure',
    launchOptions: { args: chromiumArgs(), ...(executablePath !== null && { executablePath }) },
  },
  projects: [
    { name: 'e2e', testMatch: 'e2e/**/*.test.ts', testIgnore: 'e2e/matrix/**' },
    { name: 'matrix', testMatch: 'e2e/matrix/**/*.test.ts', use: { trace: 'off' } },
    { name: 'pack', testMatch: 'pack/**/*.test.ts', timeout: 240_000 },
  ],
})
