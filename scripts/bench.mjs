// @ts-check
// `npm run bench`: speed and size, as ratios in one run. What is measured and how stands at the heads of test/bench/run.ts (in a browser) and
// test/bench/server/run.ts (the server), test/bench/sockets.ts (its WebSockets).
//   node scripts/bench.mjs [--quick] [--only=fan-out,upstream,delay,replay,handover,blocked,length,size,server,sockets]
//   The server's parts, one by one: server-sse, server-append, server-catchup, server-redis, server-scaling.
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runnerImport } from 'vite'
import { chromiumArgs, ensureChromium } from './find-browser.mjs'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const BROWSER_PARTS = ['fan-out', 'upstream', 'delay', 'replay', 'handover', 'blocked', 'length', 'size']
const SERVER_PARTS = ['server', 'server-sse', 'server-append', 'server-catchup', 'server-redis', 'server-scaling']

/** @returns {{ quick: boolean, only: string[] }} what to measure: everything where nothing was named */
function readArguments() {
  const { values } = parseArgs({ options: { quick: { type: 'boolean' }, only: { type: 'string' } } })
  const all = [...BROWSER_PARTS, ...SERVER_PARTS, 'sockets']
  const only = values.only === undefined ? all : values.only.split(',')
  const unknown = only.find((part) => !all.includes(part))
  if (unknown !== undefined) throw new Error(`There is no part "${unknown}"; there are ${all.join(', ')}.`)
  return { quick: values.quick === true, only }
}

try {
  const { quick, only } = readArguments()
  const inBrowser = only.filter((part) => BROWSER_PARTS.includes(part))
  if (inBrowser.length > 0) {
    const executablePath = await ensureChromium()
    /** @type {{ module: typeof import('../test/bench/run.ts') }} */
    const { module } = await runnerImport(join(ROOT, 'test/bench/run.ts'), { configFile: false })
    await module.runBench({ quick, only: inBrowser, root: ROOT, executablePath, args: chromiumArgs() })
  }
  if (only.some((part) => SERVER_PARTS.includes(part))) {
    /** @type {{ module: typeof import('../test/bench/server/run.ts') }} */
    const { module } = await runnerImport(join(ROOT, 'test/bench/server/run.ts'), { configFile: false })
    await module.runServerBench({ quick, only, root: ROOT })
  }
  if (only.includes('sockets')) {
    /** @type {{ module: typeof import('../test/bench/sockets.ts') }} */
    const { module } = await runnerImport(join(ROOT, 'test/bench/sockets.ts'), { configFile: false })
    await module.runSocketBench({ quick, root: ROOT })
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
