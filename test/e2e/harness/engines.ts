import { test } from '@playwright/test'

/** What tests do to a browser that only Chromium's automation can. A test that comes to it on another engine is skipped there, with the reason. */
const CHROMIUM_ONLY = {
  'crash a tab': 'Firefox keeps all pages of an origin in one process: none crashes alone.',
  'freeze a tab': 'Firefox does not freeze tabs, so there is nothing to ask it for.',
  'kill one hub of two': 'Hubs that end themselves when asked are all asked.',
  'stop a service worker': 'WebDriver BiDi cannot stop a service worker.',
  'kill the app’s hub':
    'WebDriver BiDi does not reach shared workers. The test page’s hub ends itself when asked; the app’s has no such door.',
  'see which script a hub runs': 'WebDriver BiDi does not reach shared workers.',
  'look into a heap': 'WebDriver BiDi does not count objects.',
  'load a part again': 'Firefox 153 remembers how an import() failed.',
  'limit what an origin may store': 'WebDriver BiDi knows no quota.',
  'throw away what an origin stored': 'WebDriver BiDi cannot do it while pages are open.',
  'dispatch a sync event': 'Firefox has no Background Sync.',
  'read notifications': 'Playwright cannot allow notifications in Firefox.',
} as const

export type ChromiumTool = keyof typeof CHROMIUM_ONLY

/** Skips the test that runs, where the engine is not Chromium. */
export function chromiumOnly(tool: ChromiumTool): void {
  const info = test.info()
  info.skip(info.project.use.browserName !== 'chromium', `${tool}: ${CHROMIUM_ONLY[tool]}`)
}

/** What is shown of an upstream that sent its head and nothing more. Firefox 153 gives a response to `fetch` with its first byte, not before. */
export function beforeFirstByte(browserName: string): 'streaming' | 'connecting' {
  return browserName === 'firefox' ? 'connecting' : 'streaming'
}
