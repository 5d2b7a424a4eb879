// Looks at every screen and state of the app on a fake hub: screenshots in light, dark and phone width, and axe's findings.
// `node test/support/app-fixtures/look.mjs [folder] [filter]`; exits with 1 where axe found something or a page logged an error.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
import { chromium } from 'playwright'
import { createServer } from 'vite'

const [folder = 'test-results/app', filter = ''] = process.argv.slice(2)
await mkdir(folder, { recursive: true })
const server = await createServer({ configFile: new URL('vite.config.ts', import.meta.url).pathname })
await server.listen()
const base = server.resolvedUrls.local[0]

const logs = ['build', 'tests', 'deploy', 'sensor', 'metrics', 'worker', 'paused', 'waiting']
const chats = ['done', 'live', 'thinking', 'waiting', 'queued', 'paused', 'cancelled', 'failed', 'lost', 'new']
const screens = [
  ['home', ''],
  ['empty', '?empty'],
  ['offline', '?offline'],
  ['volatile', '?volatile'],
  ['broken', '?broken'],
  ['nowhere', 'nowhere'],
  ...logs.map((name) => [`log-${name}`, `c/${name}`]),
  ['log-offline', 'c/sensor?offline'],
  ...chats.map((name) => [`chat-${name}`, `c/chat%3A${name}`]),
]
const looks = [
  ['light', { viewport: { width: 1200, height: 800 }, colorScheme: 'light' }],
  ['dark', { viewport: { width: 1200, height: 800 }, colorScheme: 'dark' }],
  ['phone', { viewport: { width: 390, height: 780 }, colorScheme: 'light', hasTouch: true, isMobile: true }],
]

const executablePath = process.env.HEADWATER_CHROMIUM ?? '/usr/bin/chromium'
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
let wrong = 0
const complain = (text) => {
  wrong++
  console.log(text)
}
for (const [look, options] of looks) {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  let current = ''
  page.on('pageerror', (error) => complain(`${current}: ${error.message}`))
  page.on('console', (message) => message.type() === 'error' && complain(`${current}: ${message.text()}`))
  for (const [name, path] of screens) {
    current = `${name} ${look}`
    if (!current.includes(filter)) continue
    await page.goto(base + path)
    await page.locator('hw-app nav, hw-app main').first().waitFor({ state: 'attached' })
    await page.waitForLoadState('networkidle')
    await page.screenshot({ path: join(folder, `${name}-${look}.png`) })
    const { violations } = await new AxeBuilder({ page }).analyze()
    for (const { id, nodes } of violations) {
      for (const node of nodes) complain(`${current}: ${id}: ${node.html.slice(0, 160)} ${node.any[0]?.message ?? ''}`)
    }
  }
  await context.close()
}
await browser.close()
await server.close()
console.log(wrong === 0 ? 'Nothing found.' : `${wrong} findings.`)
process.exitCode = wrong === 0 ? 0 : 1
