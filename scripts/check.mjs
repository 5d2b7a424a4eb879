// @ts-check
// `npm run check`: format, lint, types, import rules, unused code, sizes. Every step runs, also after one failed.
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
/** An application of somebody else's: its test checks its types, against the package as installed. */
const ELSEWHERE = /^test\/pack\/outsider\//
const PROJECTS = ['page', 'worker', 'node', 'test']
/** A tool's output: dependency-cruiser's report of the whole project, with room to grow. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024

/** A finding: the step failed, and this is why. */
class Finding extends Error {}

const execute = promisify(execFile)

/**
 * Runs a tool from node_modules.
 *
 * @param {string} script
 * @param {string[]} args
 * @returns {Promise<string>} what it wrote to standard output
 * @throws {Finding} with everything it wrote, where it exits with another status than 0
 */
async function run(script, args) {
  try {
    const { stdout } = await execute(process.execPath, [join(ROOT, 'node_modules', script), ...args], {
      cwd: ROOT,
      maxBuffer: MAX_OUTPUT_BYTES,
      env: { ...process.env, ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : { NO_COLOR: '1' }) },
    })
    return stdout
  } catch (error) {
    const { stdout = '', stderr = '' } = /** @type {{ stdout?: string, stderr?: string }} */ (error)
    throw new Finding(`${stdout}${stderr}`.trim() || String(error))
  }
}

/** Files of the project, by git. */
async function trackedFiles() {
  const { stdout } = await execute('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
  })
  return stdout.split('\0').filter((file) => file !== '')
}

async function checkTypes() {
  const compiler = 'typescript/bin/tsc'
  /** @type {Set<string>} */
  const covered = new Set()
  /** @type {string[]} */
  const failures = []
  for (const project of PROJECTS) {
    const config = `tsconfig.${project}.json`
    const files = await run(compiler, ['-p', config, '--listFilesOnly'])
    for (const file of files.split('\n')) covered.add(file.trim())
    await run(compiler, ['-p', config]).catch((error) => failures.push(`${config}:\n${error.message}`))
  }
  const missed = (await trackedFiles()).filter(
    (file) => file.endsWith('.ts') && !covered.has(join(ROOT, file)) && !ELSEWHERE.test(file),
  )
  if (missed.length > 0) failures.push(`In no tsconfig, so nobody checks their types:\n  ${missed.join('\n  ')}`)
  if (failures.length > 0) throw new Finding(failures.join('\n'))
  return `${PROJECTS.length} environments`
}

async function checkImports() {
  const report = await run('dependency-cruiser/bin/dependency-cruise.mjs', [
    ...['--config', '.dependency-cruiser.mjs', '--output-type', 'json'],
    ...['src', 'sw'],
  ])
  const { summary } = JSON.parse(report)
  // With an unknown compiler it finds nothing to look at, and calls that a success.
  if (!(summary.totalCruised > 0)) throw new Finding('dependency-cruiser looked at 0 modules: it checked nothing.')
  if (summary.violations.length > 0) {
    /** @type {{ rule: { name: string }, from: string, to: string }[]} */
    const violations = summary.violations
    throw new Finding(violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`).join('\n'))
  }
  return `${summary.totalCruised} modules`
}

/** @typedef {{ name: string, size: number, sizeLimit?: number, passed?: boolean }} Size sizes in bytes, compressed */

async function checkSizes() {
  const said = await run('size-limit/bin.js', ['--json', '--silent']).catch((error) => error.message)
  // Above a limit it fails with its report; where it could not measure, with anything else.
  if (!said.trimStart().startsWith('[')) throw new Finding(said)
  /** @type {Size[]} */
  const sizes = JSON.parse(said)
  const lines = sizes.map(({ name, size, sizeLimit }) => {
    const limit = sizeLimit === undefined ? '' : ` of ${(sizeLimit / 1000).toFixed(2)}`
    return `${name}: ${(size / 1000).toFixed(2)} kB${limit}`
  })
  if (sizes.length === 0 || sizes.some(({ passed }) => passed === false)) throw new Finding(lines.join('\n'))
  return lines.join('; ')
}

/** A rule that is switched off needs its reason beside it. */
async function checkReasons() {
  /** @type {string[]} */
  const bare = []
  const files = (await trackedFiles()).filter((file) => /\.(ts|mjs|js)$/.test(file) && file !== 'scripts/check.mjs')
  for (const file of files) {
    const lines = (await readFile(join(ROOT, file), 'utf8').catch(() => '')).split('\n')
    for (const [i, line] of lines.entries()) {
      const directive = /eslint-disable|@ts-(?:ignore|nocheck|expect-error)/.exec(line)
      if (directive !== null && !/-- \S|@ts-expect-error\s+\S/.test(line)) bare.push(`${file}:${i + 1}: ${line.trim()}`)
    }
  }
  if (bare.length > 0) throw new Finding(`Say why, after "--":\n${bare.join('\n')}`)
  return `${files.length} files`
}

/** @type {[name: string, step: () => Promise<string | void>][]} */
const STEPS = [
  ['format', () => run('prettier/bin/prettier.cjs', ['--check', '--log-level', 'warn', '.']).then(() => {})],
  ['lint', () => run('eslint/bin/eslint.js', ['.', '--max-warnings', '0']).then(() => {})],
  ['reasons', checkReasons],
  ['types', checkTypes],
  ['imports', checkImports],
  ['unused code', () => run('knip/bin/knip.js', ['--no-progress']).then(() => {})],
  ['sizes', checkSizes],
]

let failed = 0
/** @param {(typeof STEPS)[number]} step */
async function take([name, step]) {
  const start = performance.now()
  const took = () => `${((performance.now() - start) / 1000).toFixed(1)} s`
  try {
    const said = await step()
    console.log(`ok      ${name} (${took()})${said ? `: ${said}` : ''}`)
  } catch (error) {
    failed++
    console.log(`FAILED  ${name} (${took()})`)
    console.log((error instanceof Finding ? error.message : String(error)).replace(/^/gm, '        '))
  }
}

const left = [...STEPS]
const lanes = Array.from({ length: Math.min(2, availableParallelism()) }, async () => {
  for (let next = left.shift(); next !== undefined; next = left.shift()) await take(next)
})
await Promise.all(lanes)
console.log(failed === 0 ? 'check: all good' : `check: ${failed} of ${STEPS.length} steps failed`)
process.exitCode = failed === 0 ? 0 : 1
