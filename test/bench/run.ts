// npm run bench [-- --quick] [-- --only=fan-out,delay,replay,upstream,handover,blocked,length,size]
//
// Measures in a real Chromium: the pages of one profile are the tabs, a SharedWorker is the hub. Every candidate gets its chunks from the
// same producer (pages/feed.ts) inside its worker, 50 at a time in a task of its own, as a socket brings them; so nobody pays for a network,
// and nobody gets everything at once. The clock runs from the call that starts the stream in one tab to the last chunk in the last tab.
// Every tab keeps the text. Ours creates the stream's row, commits every chunk to IndexedDB before it is delivered, and builds `text` by its public
// interface; the alternatives store nothing:
//   (a) the full text so far on a BroadcastChannel, on every chunk     (b) one message per chunk and port
//   (c) one Comlink callback per chunk and tab                        (d) raw ports, batches of 50
// (a) and (c) wait when a tab is 500 chunks behind: without that the browser runs out of memory before the last chunk.
// All is measured in one run, medians of several rounds, the first one left out; ratios hold on other machines, figures do not.
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { chromium } from 'playwright'
import { build } from 'vite'
import { measureDelay, measureFanOut, measureHandOver, measureReplay, measureUpstream } from './measure.ts'
import type { Plan } from './measure.ts'
import { measureBlocked, measureLengths } from './measure-limits.ts'
import type { Goal } from './report.ts'
import {
  blockedGoal,
  delayGoal,
  fanOutGoals,
  fanOutTable,
  goalTable,
  handOverGoal,
  lengthGoal,
  lengthTable,
  ms,
  replayGoal,
  table,
  thousands,
} from './report.ts'
import { startServer } from './server.ts'
import { median } from './tabs.ts'

const FULL: Plan = {
  tabs: [1, 4, 10],
  chunks: 20_000,
  rounds: 5,
  slowRounds: 3,
  samples: 300,
  replayChunks: 50_000,
  handOvers: 50,
  blockMs: 10_000,
  blockRounds: 3,
  lengths: [100_000, 1_000_000],
}
const QUICK: Plan = {
  ...FULL,
  tabs: [1, 10],
  rounds: 3,
  slowRounds: 1,
  samples: 100,
  handOvers: 15,
  blockMs: 4_000,
  blockRounds: 1,
  lengths: [20_000, 200_000],
}

export interface BenchOptions {
  quick: boolean
  /** Names of parts; all where empty. */
  only: readonly string[]
  /** Root of the repository. */
  root: string
  executablePath: string
  args: string[]
}

async function buildPages(root: string, outDir: string): Promise<void> {
  await build({
    configFile: false,
    root: join(root, 'test/bench/pages'),
    logLevel: 'warn',
    build: { outDir, emptyOutDir: true, target: 'es2022', minify: true, modulePreload: { polyfill: false } },
    worker: { format: 'es' },
  })
}

async function pageBundle(root: string): Promise<Goal> {
  const tool = join(root, 'node_modules/size-limit/bin.js')
  // A limit that is passed is an exit status, and the figures are there all the same.
  const { stdout } = await promisify(execFile)(process.execPath, [tool, '--json'], { cwd: root }).catch(
    (error: { stdout: string }) => error,
  )
  const [page] = JSON.parse(stdout) as { size: number }[]
  const size = page?.size ?? NaN
  return {
    what: 'library in a page, compressed',
    measured: `${(size / 1000).toFixed(2)} kB`,
    goal: 'at most 8 kB',
    met: size <= 8000,
  }
}

/** Measures, and prints tables. Rejects only where something could not be measured. */
export async function runBench({ quick, only, root, executablePath, args }: BenchOptions): Promise<void> {
  const plan = quick ? QUICK : FULL
  const wants = (part: string): boolean => only.length === 0 || only.includes(part)
  const goals: Goal[] = []
  const say = (text: string): void => void process.stdout.write(`${text}\n`)
  const progress = (text: string): void => void process.stderr.write(`… ${text}\n`)

  const folder = await mkdtemp(join(tmpdir(), 'headwater-bench-'))
  const browser = await chromium.launch({ executablePath, args })
  try {
    await buildPages(root, folder)
    const server = await startServer(folder)
    try {
      say(
        `Chromium ${browser.version()}, Node ${process.versions.node}, ${plan.chunks} chunks, medians of ${plan.rounds} rounds`,
      )
      if (wants('fan-out')) {
        const rows = await measureFanOut(browser, server.url, plan, progress)
        say(`\nFan-out, chunks a second in every tab\n${fanOutTable(rows)}`)
        goals.push(...fanOutGoals(rows))
      }
      if (wants('upstream')) {
        progress('from a server')
        const rows = await measureUpstream(browser, server.url, plan)
        const cells = rows.map(({ tabs, perSecond }) => [String(tabs), thousands(perSecond)])
        say(`\nFrom a server's event stream, chunks a second in every tab\n${table([['tabs', 'headwater'], ...cells])}`)
      }
      if (wants('delay')) {
        progress('delay')
        const delays = await measureDelay(browser, server.url, plan)
        const cells = Object.entries(delays).map(([name, { p50, p99 }]) => [name, ms(p50), ms(p99)])
        say(
          `\nFrom production to a callback in another tab, 100 chunks a second\n${table([['', 'p50', 'p99'], ...cells])}`,
        )
        goals.push(delayGoal(delays))
      }
      if (wants('replay')) {
        progress('replay')
        const replay = await measureReplay(browser, server.url, plan)
        say(
          `\nReplay of ${plan.replayChunks} chunks after a reload\n` +
            `bare read of ${replay.records} records: ${ms(replay.bareMs)}; all chunks and their text in the page: ${ms(replay.hubMs)},` +
            ` by a new hub: ${ms(replay.coldMs)} (its start before that: ${ms(replay.coldConnectMs)})`,
        )
        goals.push(replayGoal(replay))
      }
      if (wants('handover')) {
        progress('hand-over')
        const times = await measureHandOver(browser, server.url, plan)
        const typical = median(times)
        say(
          `\nHand-over: the hub is killed, until the slowest of 4 tabs has the next chunk of upstream\n` +
            `${times.length} kills, median ${ms(typical)}, worst ${ms(Math.max(...times))}`,
        )
        goals.push(handOverGoal(typical))
      }
      if (wants('blocked')) {
        progress('one tab blocked')
        const delays = await measureBlocked(browser, server.url, plan.blockMs, plan.blockRounds)
        const cells = Object.entries(delays).map(([name, { p50, p99 }]) => [name, ms(p50), ms(p99)])
        say(
          `\nFrom production to nine tabs, 1 000 chunks a second, the tenth tab free or blocked for ${plan.blockMs / 1000} s\n` +
            table([['', 'p50', 'p99'], ...cells]),
        )
        goals.push(blockedGoal(delays))
      }
      if (wants('length')) {
        progress('long streams')
        const lengths = await measureLengths(browser, server.url, plan.lengths)
        say(`\nStreams of several lengths\n${lengthTable(lengths)}`)
        goals.push(lengthGoal(lengths))
      }
      if (wants('size')) {
        progress('size')
        goals.push(await pageBundle(root))
      }
      say(`\nGoals\n${goalTable(goals)}`)
    } finally {
      server.close()
    }
  } finally {
    await browser.close()
    await rm(folder, { recursive: true, force: true })
  }
}
