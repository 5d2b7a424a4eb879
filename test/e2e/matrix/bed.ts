import type { BrowserContext, Page } from '@playwright/test'
import { encodeData } from '../harness/wire-format.ts'
import type { ScriptedStream } from '../harness/scripted-stream.ts'
import type { TestUpstream } from '../harness/test-upstream.ts'
import { isLed } from './cells.ts'
import type { Cell, Engine } from './cells.ts'
import type { Report } from './page/watcher.ts'

/** A tab of the matrix, as long as it lives. */
export interface MatrixTab {
  page: Page
  report(): Promise<Report>
}

/** Where one cell is run: a browser profile of its own, its tabs, and the upstream that they share. */
export class Bed {
  readonly cell: Cell
  readonly engine: Engine
  readonly context: BrowserContext
  readonly upstream: TestUpstream
  readonly stream: ScriptedStream
  /** Tabs that are open, in the order in which they were opened. */
  readonly tabs: MatrixTab[] = []
  /** What tabs showed and should not have, those included that are gone. */
  readonly violations: string[] = []
  /** The most chunks that any tab has shown. */
  shown = 0

  constructor(cell: Cell, engine: Engine, context: BrowserContext, upstream: TestUpstream, stream: ScriptedStream) {
    this.cell = cell
    this.engine = engine
    this.context = context
    this.upstream = upstream
    this.stream = stream
  }

  get #url(): string {
    if (isLed(this.cell)) return `${this.upstream.origin}/?led`
    const plain = this.engine === 'firefox' || this.cell.killer.endsWith('-plain')
    return this.upstream.origin + (plain ? '/?plain' : '/')
  }

  /** Opens tabs that watch from now on. */
  async open(count: number): Promise<void> {
    await Promise.all(
      Array.from({ length: count }, async () => {
        const page = await this.context.newPage()
        page.on('console', (message) => {
          if (message.text().startsWith('VIOLATION')) this.violations.push(message.text())
        })
        page.on('pageerror', (error) => this.violations.push(`the page threw ${String(error)}`))
        await page.goto(this.#url)
        await this.watch(page)
        this.tabs.push({ page, report: () => page.evaluate(() => matrix.report()) })
      }),
    )
  }

  /** Lets a page that was just loaded watch. */
  async watch(page: Page): Promise<void> {
    const texts = this.stream.truth
    const data = texts.map((text) => encodeData(this.stream.format, text))
    await page.evaluate((truth) => matrix.watch(truth), { texts, data })
  }

  /** Writes down what the tabs show, before one of them is gone. */
  async look(): Promise<void> {
    for (const report of await Promise.all(this.tabs.map((tab) => tab.report()))) {
      this.shown = Math.max(this.shown, report.seq)
    }
  }

  /** Loads a tab again. */
  async reload({ page }: MatrixTab): Promise<void> {
    await page.reload()
    await this.watch(page)
  }

  /** Forgets a tab that is gone. */
  drop(tab: MatrixTab): void {
    this.tabs.splice(this.tabs.indexOf(tab), 1)
  }

  /** The oldest tab that is open. */
  get first(): Page {
    const [tab] = this.tabs
    if (tab === undefined) throw new Error('There is no tab.')
    return tab.page
  }

  bootId(): Promise<string> {
    return this.first.evaluate(() => matrix.bootId())
  }
}
