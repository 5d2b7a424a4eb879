// @ts-check
// `npm run test:model [-- words]`: checks the model of hand-over with Spin. The sound configurations must hold, the broken variants must break,
// each the way it is said to. With words: only configurations whose flags, rule or title contain them. Ends with `N passed, N failed`.
import { execFile } from 'node:child_process'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { CONFIGURATIONS, FINDINGS } from '../test/model/configurations.mjs'

/** @typedef {import('../test/model/configurations.mjs').Configuration} Configuration */
/** @typedef {{ result: string, passed: boolean, states: number }} Outcome */

const MODEL = join(dirname(dirname(fileURLToPath(import.meta.url))), 'test/model/handover.pml')
/** What a run may use, in megabytes; the larger ones need some hundred. */
const MAX_MEMORY_MB = 2_000
/** What a run may take; the longest takes a minute on a machine that is busy. */
const MAX_RUN_MS = 180_000
/** Steps of the longest run that is looked at; a run that needs more is reported as incomplete. */
const MAX_DEPTH = 2_000_000
/** The verifier's warnings of a state space that was not searched to its end. */
const INCOMPLETE = /search not completed|max search depth too small|out of memory|reached -DMEMLIM/i

const execute = promisify(execFile)

/** A run that is interrupted takes its verifiers along: they would use the machine for minutes. */
const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => interrupted.abort())

/**
 * @param {string} command
 * @param {string[]} args
 * @param {string} cwd
 * @returns {Promise<string>} all it wrote
 * @throws {Error} with all it wrote, where it fails or takes too long
 */
async function run(command, args, cwd) {
  try {
    const { stdout, stderr } = await execute(command, args, {
      cwd,
      timeout: MAX_RUN_MS,
      signal: interrupted.signal,
      maxBuffer: 64 * 1024 * 1024,
    })
    return stdout + stderr
  } catch (error) {
    const {
      stdout = '',
      stderr = '',
      killed,
    } = /** @type {{ stdout?: string, stderr?: string, killed?: boolean }} */ (error)
    const said = `${stdout}${stderr}`.trim().split('\n').slice(0, 3).join(' ')
    throw new Error(killed === true ? `${command} took too long` : `${command} failed: ${said || error}`)
  }
}

/** @param {string} command */
const isThere = (command) =>
  execute(command, [command === 'spin' ? '-V' : '--version']).then(
    () => true,
    () => false,
  )

/**
 * What the verifier's report says of a configuration.
 *
 * @param {Configuration} configuration
 * @param {string} report
 * @returns {Outcome}
 */
function judge({ breaks }, report) {
  const errors = Number(/errors: (\d+)/.exec(report)?.[1] ?? NaN)
  const states = Number(/(\d+) states, stored/.exec(report)?.[1] ?? NaN)
  // Nothing that was found, in nothing that was searched, is no result.
  if (!(errors >= 0) || !(states > 0)) return { result: 'no report', passed: false, states: 0 }
  if (errors === 0) {
    if (INCOMPLETE.test(report)) return { result: 'incomplete', passed: false, states }
    return { result: 'holds', passed: breaks === undefined, states }
  }
  const failed = /assertion violated (.*?) \(at depth/.exec(report)?.[1]?.replace(/\s/g, '')
  if (failed === undefined) {
    return {
      result: /non-progress cycle/.test(report) ? 'goes round for ever' : 'breaks otherwise',
      passed: false,
      states,
    }
  }
  const found = Object.entries(FINDINGS).find(([, part]) => failed.includes(part))?.[0]
  return { result: found ?? `breaks otherwise: ${failed}`, passed: breaks !== undefined && found === breaks, states }
}

/**
 * @param {Configuration} configuration
 * @returns {Promise<Outcome>}
 */
async function verify(configuration) {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-model-'))
  const loops = configuration.search === 'loops'
  try {
    await copyFile(MODEL, join(folder, 'handover.pml'))
    // A later flag wins over an earlier one, as for a C compiler; Spin's preprocessor warns of it.
    const flags = new Map(configuration.flags.split(' ').map((flag) => [flag.split('=')[0], `-D${flag}`]))
    await run('spin', [...flags.values(), '-a', 'handover.pml'], folder)
    const kind = loops ? '-DNP' : '-DSAFETY'
    const limits = ['-DNOREDUCE', `-DMEMLIM=${MAX_MEMORY_MB}`]
    // Optimising takes longer than it saves, up to a million states and more.
    await run('cc', ['-O0', '-w', kind, ...limits, '-o', 'pan', 'pan.c'], folder)
    const args = [`-m${MAX_DEPTH}`, '-w22', ...(loops ? ['-l'] : [])]
    return judge(configuration, await run(join(folder, 'pan'), args, folder))
  } catch (error) {
    return { result: error instanceof Error ? error.message : String(error), passed: false, states: 0 }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const WIDTHS = [7, 8, 52, 39, 39, 10, 7]
/** @param {string[]} cells */
const printRow = (cells) =>
  console.log(
    cells
      .map((cell, i) => cell.padEnd(WIDTHS[i] ?? 0))
      .join(' ')
      .trimEnd(),
  )

/** @type {string[]} */
const missing = []
for (const command of ['spin', 'cc']) if (!(await isThere(command))) missing.push(command)
if (missing.length > 0) {
  console.log(`The model was not checked: ${missing.join(' and ')} not installed (Debian: apt-get install spin gcc).`)
  process.exit(process.env['CI'] === 'true' ? 1 : 0)
}

const words = process.argv.slice(2).join(' ')
const chosen = CONFIGURATIONS.filter(({ rule, title, flags }) => `rule ${rule} ${title} ${flags}`.includes(words))
const count = { passed: 0, failed: 0 }
const started = performance.now()
/** @param {number} since */
const seconds = (since) => ((performance.now() - since) / 1000).toFixed(1)

printRow(['', 'rule', 'configuration', 'expected', 'result', 'states', 'seconds'])
const left = [...chosen]
const lanes = Array.from({ length: Math.min(2, availableParallelism()) }, async () => {
  for (let next = left.shift(); next !== undefined && !interrupted.signal.aborted; next = left.shift()) {
    const since = performance.now()
    const { result, passed, states } = await verify(next)
    count[passed ? 'passed' : 'failed']++
    const verdict = passed ? 'ok' : 'FAILED'
    printRow([verdict, next.rule, next.title, next.breaks ?? 'holds', result, String(states), seconds(since)])
    if (!passed) console.log(`        flags: ${next.flags}`)
  }
})
await Promise.all(lanes)

if (chosen.length === 0) console.log(`No configuration has "${words}" in it.`)
console.log(`\nthe model took ${seconds(started)} s`)
console.log(`${count.passed} passed, ${count.failed} failed`)
process.exitCode = count.failed === 0 && count.passed > 0 && !interrupted.signal.aborted ? 0 : 1
