// @ts-check
// `npm run bench`: speed and size, as ratios in one run. What is measured and how stands at the head of test/bench/run.ts.
//   node scripts/bench.mjs [--quick] [--only=fan-out,upstream,delay,replay,handover,blocked,length,size]
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runnerImport } from 'vite'
import { chromiumArgs, ensureChromium } from './find-browser.mjs'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const PARTS = ['fan-out', 'upstream', 'delay', 'replay', 'handover', 'blocked', 'length', 'size']

/** @returns {{ quick: boolean, only: string[] }} */
function readArguments() {
  const { values } = parseArgs({ options: { quick: { type: 'boolean' }, only: { type: 'string' } } })
  const only = values.only === undefined ? [] : values.only.split(',')
  const unknown = only.find((part) => !PARTS.includes(part))
  if (unknown !== undefined) throw new Error(`There is no part "${unknown}"; there are ${PARTS.join(', ')}.`)
  return { quick: values.quick === true, only }
}

try {
  const options = readArguments()
  const executablePath = await ensureChromium()
  /** @type {{ module: typeof import('../test/bench/run.ts') }} */
  const { module } = await runnerImport(join(ROOT, 'test/bench/run.ts'), { configFile: false })
  await module.runBench({ ...options, root: ROOT, executablePath, args: chromiumArgs() })
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
