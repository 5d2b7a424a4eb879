// @ts-check
// `npm test`: everything, in order. Ends with what failed, each with its message, and a line `N passed, N failed` over all runners.
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { requireNode } from '../bin/node-version.js'
import { buildOutdated } from './build.mjs'
import { browserVersion, ensureChromium, findFirefox, findWebKit } from './find-browser.mjs'

requireNode()

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))

/**
 * What a runner reported; `failures` holds a text for each test that failed, its name first.
 *
 * @typedef {{ passed: number, failed: number, skipped: number, failures: string[] }} Count
 */

/** Lines of a failure that are repeated at the end; all of it stands where it happened. */
const MAX_FAILURE_LINES = 25

/**
 * @param {string} name
 * @param {string[]} messages
 */
const failure = (name, messages) =>
  [name, ...stripVTControlCharacters(messages.join('\n')).split('\n')].slice(0, MAX_FAILURE_LINES).join('\n    ')

/**
 * Runs a tool from node_modules in the open, standard input closed.
 *
 * @param {string} script
 * @param {string[]} args
 * @param {Record<string, string>} env
 * @returns {Promise<number>} its exit status; 1 where a signal ended it
 */
function run(script, args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(ROOT, 'node_modules', script), ...args], {
      cwd: ROOT,
      stdio: ['ignore', 'inherit', 'inherit'],
      // Runners colour what they write where CI is set, also into a file.
      env: { ...process.env, ...(process.stdout.isTTY ? {} : { NO_COLOR: '1' }), ...env },
    })
    child.on('error', reject)
    child.on('close', (status) => resolve(status ?? 1))
  })
}

/** @param {string} file */
const readJson = async (file) => JSON.parse(await readFile(file, 'utf8'))

/**
 * @param {string} project
 * @param {string} report
 * @returns {Promise<[status: number, count: Count]>}
 */
async function vitest(project, report) {
  const args = ['run', '--project', project, '--reporter=dot', '--reporter=json', `--outputFile.json=${report}`]
  const status = await run('vitest/vitest.mjs', args, {})
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = await readJson(report)
  /** @type {string[]} */
  const failures = []
  for (const { name, message, assertionResults } of testResults) {
    const file = relative(ROOT, name)
    if (message) failures.push(failure(file, [message]))
    for (const { status, fullName, failureMessages } of assertionResults) {
      if (status === 'failed') failures.push(failure(`${file} › ${fullName}`, failureMessages))
    }
  }
  const skipped = numPendingTests + numTodoTests
  return [status, { passed: numPassedTests, failed: numFailedTests, skipped, failures }]
}

/**
 * @typedef {{ error?: { message?: string } | null, errors?: { message?: string }[] }} PlaywrightResult
 * @typedef {{ title: string, file: string, line: number, ok: boolean, tests: { results: PlaywrightResult[] }[] }} PlaywrightSpec
 * @typedef {{ specs?: PlaywrightSpec[], suites?: PlaywrightSuite[] }} PlaywrightSuite
 */

/**
 * @param {PlaywrightSuite} suite
 * @returns {string[]}
 */
const playwrightFailures = ({ specs = [], suites = [] }) => [
  ...specs
    .filter(({ ok }) => !ok)
    .map(({ title, file, line, tests }) =>
      failure(
        `${file}:${line} › ${title}`,
        tests.flatMap(({ results }) => results.flatMap(({ errors = [] }) => errors.map(({ message = '' }) => message))),
      ),
    ),
  ...suites.flatMap(playwrightFailures),
]

/**
 * @param {string} project
 * @param {string} report
 * @param {string[]} more
 * @returns {Promise<[status: number, count: Count]>}
 */
async function playwright(project, report, more = []) {
  const args = ['test', '--project', project, '--reporter=list,json', ...more]
  const status = await run('@playwright/test/cli.js', args, {
    PLAYWRIGHT_JSON_OUTPUT_FILE: report,
    HEADWATER_SEED: seed,
  })
  const { stats, suites, errors } = await readJson(report)
  const failures = [
    ...playwrightFailures({ suites }),
    ...errors.map((/** @type {{ message?: string }} */ { message = '' }) => failure(project, [message])),
  ]
  const failed = stats.unexpected + stats.flaky
  return [status, { passed: stats.expected, failed, skipped: stats.skipped, failures }]
}

/**
 * An engine besides Chromium. In CI it is required; elsewhere its suites are skipped where it is not installed, and that is said.
 *
 * @typedef {{ name: string, find: () => string | null, install: string }} Engine
 */

/** @type {Engine} */
const FIREFOX = { name: 'Firefox', find: findFirefox, install: 'apt-get install firefox-esr, or set HEADWATER_FIREFOX' }
/** @type {Engine} */
const WEBKIT = {
  name: 'WebKitWebDriver with Xvfb',
  find: findWebKit,
  install: 'apt-get install webkit2gtk-driver xvfb xauth',
}

/** Of the end-to-end tests. Chosen here, so that all of them have the same one. */
const seed = process.env['HEADWATER_SEED'] ?? String(Date.now() % 2 ** 31)
/** Opening a tab takes Firefox several times as long: one third of its end-to-end tests, by the seed; `npm run test:firefox` runs all of them. */
const firefoxThird = `${(Number(seed) % 3) + 1}/3`

/** @type {[title: string, suite: (report: string) => Promise<[number, Count]>, engine?: Engine][]} */
const SUITES = [
  ['unit and contract tests under Node', (report) => vitest('node', report)],
  ['tests in the browser', (report) => vitest('browser', report)],
  ['several tabs, end to end', (report) => playwright('e2e', report)],
  ['the same without SharedWorker: a leader tab', (report) => playwright('leader-tab', report)],
  ['the same in one page alone', (report) => playwright('in-page', report)],
  ['the kill matrix, a sample', (report) => playwright('matrix', report)],
  ['the package at an outsider’s', (report) => playwright('pack', report)],
  ['tests in the browser, in Firefox', (report) => vitest('browser-firefox', report), FIREFOX],
  [
    `several tabs, end to end, in Firefox: third ${firefoxThird}`,
    (report) => playwright('firefox', report, [`--shard=${firefoxThird}`]),
    FIREFOX,
  ],
  ['smoke test in WebKit', (report) => playwright('webkit', report), WEBKIT],
]

/** @type {Count} */
const total = { passed: 0, failed: 0, skipped: 0, failures: [] }
const started = performance.now()
const folder = await mkdtemp(join(tmpdir(), 'headwater-test-'))
try {
  const chromium = await ensureChromium()
  // From here on every runner uses the one that was found or installed just now.
  process.env['HEADWATER_CHROMIUM'] = chromium
  const firefox = findFirefox()
  console.log([`Node ${process.versions.node}`, ...[chromium, firefox ?? []].flat().map(browserVersion)].join(', '))
  await buildOutdated({ say: console.log })
  for (const [i, [title, suite, engine]] of SUITES.entries()) {
    console.log(`\n=== ${title}`)
    const began = performance.now()
    try {
      const path = engine?.find()
      if (engine && path == null) {
        if (process.env['CI'] === 'true') throw new Error(`CI needs ${engine.name}: ${engine.install}.`)
        console.log(`${engine.name} not found: skipped (${engine.install}).`)
        continue
      }
      const [status, count] = await suite(join(folder, `${i}.json`))
      // A runner that fails without a failed test failed as a whole: an import that breaks, an unhandled rejection.
      if (status !== 0 && count.failed === 0) count.failed = 1
      if (count.passed + count.failed === 0) {
        console.log('No test ran.')
        count.failed = 1
      }
      // Said once more, where it is found: what went wrong is far up otherwise.
      if (count.failed > 0 && count.failures.length === 0) count.failures.push('the runner failed as a whole')
      for (const text of count.failures) total.failures.push(`${title}: ${text}`)
      total.passed += count.passed
      total.failed += count.failed
      total.skipped += count.skipped
      console.log(`took ${((performance.now() - began) / 1000).toFixed(0)} s`)
    } catch (error) {
      const why = `It did not run: ${error instanceof Error ? error.message : error}`
      console.log(why)
      total.failures.push(`${title}: ${why}`)
      total.failed++
    }
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  total.failed++
} finally {
  await rm(folder, { recursive: true, force: true })
}
for (const text of total.failures) console.log(`\nFAILED ${text}`)
console.log(`\nall tests took ${((performance.now() - started) / 1000).toFixed(0)} s`)
if (total.skipped > 0) console.log(`${total.skipped} skipped`)
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1
