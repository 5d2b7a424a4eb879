import type { Browser, BrowserContext, Page } from 'playwright'
import type { Feed } from './pages/feed.ts'
import type { Candidate } from './pages/page.ts'

/** Tabs of one fresh profile. The first one creates the workers, which live in its process. */
export class Tabs {
  readonly #context: BrowserContext
  readonly #pages: readonly Page[]
  #round = 0

  private constructor(context: BrowserContext, pages: readonly Page[]) {
    this.#context = context
    this.#pages = pages
  }

  static async open(browser: Browser, url: string, count: number): Promise<Tabs> {
    const context = await browser.newContext()
    const pages: Page[] = []
    for (let i = 0; i < count; i++) {
      const page = await context.newPage()
      // A benchmark that measures a page which threw measures nothing.
      page.on('pageerror', (error) => {
        throw error
      })
      await page.goto(url)
      pages.push(page)
    }
    return new Tabs(context, pages)
  }

  /** One tab of these. */
  page(index: number): Page {
    const page = this.#pages[index]
    if (page === undefined) throw new RangeError(`There are ${this.#pages.length} tabs.`)
    return page
  }

  get context(): BrowserContext {
    return this.#context
  }

  get count(): number {
    return this.#pages.length
  }

  /** One round with all tabs listening. Answers with the milliseconds from the start to the last chunk in the last tab. */
  async round(how: Candidate, feed: Feed, url?: string): Promise<number> {
    const name = `round-${++this.#round}`
    for (const page of this.#pages) {
      await page.evaluate(([a, b, c, d]) => bench.prepare(a, b, c, d), [how, name, feed, url] as const)
    }
    const ends = Promise.all(this.#pages.map((page) => page.evaluate(() => bench.finished())))
    const start = await this.page(0).evaluate(() => bench.start())
    return Math.max(...(await ends).map((end) => end ?? NaN)) - start
  }

  async close(): Promise<void> {
    await this.#context.close()
  }
}

/** The middle one. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? NaN
}
