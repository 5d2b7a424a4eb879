import { readFile } from 'node:fs/promises'
import { expect } from '@playwright/test'
import type { Locator, Page } from '@playwright/test'

/** The application in one tab, in the words of who uses it. */
export class AppPage {
  readonly page: Page

  constructor(page: Page) {
    this.page = page
  }

  /** The entry of a channel in the list at the left. */
  entry(channel: string): Locator {
    return this.page.locator(`hw-channel-list a[title="${channel}"]`)
  }

  /** The badge beside the heading: `data-status` names the look. */
  get badge(): Locator {
    return this.page.locator('hw-view-header hw-status-badge')
  }

  get lines(): Locator {
    return this.page.getByRole('region', { name: 'Lines' })
  }

  /** Exchanges of the conversation: a message and its answer. */
  get exchanges(): Locator {
    return this.page.locator('hw-exchange')
  }

  button(name: string): Locator {
    return this.page.locator('main').getByRole('button', { name, exact: true })
  }

  async openChannel(channel: string): Promise<void> {
    await this.entry(channel).click()
    await expect(this.page.getByRole('heading', { level: 1 })).toBeVisible()
  }

  async expectBadge(key: string): Promise<void> {
    await expect(this.badge).toHaveAttribute('data-status', key, { timeout: 30_000 })
  }

  /** From now on looks, after each update of a log that is followed, whether the newest line is in sight. Answers how often it was not, of how often. */
  async watchLines(): Promise<() => Promise<{ looks: number; empty: number }>> {
    const watched = await this.page.locator('hw-log-lines').evaluateHandle((log) => {
      const seen = { looks: 0, empty: 0 }
      log.addEventListener('hw-lines', (event) => {
        if ((event as CustomEvent<{ count: number }>).detail.count === 0) return
        const place = log.shadowRoot?.querySelector('.scroller')?.getBoundingClientRect()
        const newest = [...(log.shadowRoot?.querySelectorAll('.line') ?? [])].at(-1)?.getBoundingClientRect()
        seen.looks += 1
        const isSeen = place && newest && newest.top < place.bottom && newest.bottom > place.top
        if (!isSeen) seen.empty += 1
      })
      return seen
    })
    return () => watched.jsonValue()
  }

  /** Every byte that the app has of the run that it shows, by its own Download button. */
  async download(): Promise<string> {
    // Playwright 1.64 hears of no downloads from Firefox: there, what would have been saved is taken on its way.
    if (this.page.context().browser()?.browserType().name() === 'firefox') return this.#takeDownload()
    const event = this.page.waitForEvent('download')
    await this.button('Download').click()
    return readFile(await (await event).path(), 'utf8')
  }

  async #takeDownload(): Promise<string> {
    const saved = await this.page.evaluateHandle(() => {
      const prototype = HTMLAnchorElement.prototype
      const { createObjectURL } = URL
      const { click } = prototype
      let last: Blob | MediaSource | null = null
      URL.createObjectURL = (blob) => createObjectURL.call(URL, (last = blob))
      const whole = new Promise<string>((resolve) => {
        prototype.click = function (this: HTMLAnchorElement) {
          if (!(last instanceof Blob) || this.download === '') return click.call(this)
          URL.createObjectURL = createObjectURL
          prototype.click = click
          resolve(last.text())
        }
      })
      return { whole }
    })
    await this.button('Download').click()
    return saved.evaluate(({ whole }) => whole)
  }

  async ask(text: string): Promise<void> {
    await this.page.getByRole('textbox', { name: 'Message' }).fill(text)
    await this.button('Send').click()
  }

  /** The service worker controls the page: from now on the app opens without a network. */
  async readyForOffline(): Promise<void> {
    await this.page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined))
    // A first visit is not controlled; the next one is.
    if (await this.page.evaluate(() => navigator.serviceWorker.controller === null)) await this.page.reload()
    await this.page.waitForFunction(() => navigator.serviceWorker.controller !== null)
  }
}
