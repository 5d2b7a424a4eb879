// @ts-check
// Builds what is not built: the library, server and command line (plain tsc, one emit per environment), and the app (vite).
//   node scripts/build.mjs [--library] [--app] [--force]
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withLock } from './with-lock.mjs'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const DIST = join(ROOT, 'dist')

/**
 * One half of `dist`. `inputs` are the paths whose content decides whether it is built already; `outputs` the paths below `dist` that the
 * build in a temporary folder replaces.
 *
 * @typedef {{ name: string, inputs: string[], except?: RegExp, outputs: string[], build: (into: string) => Promise<void> }} Part
 */

/** @type {Part} */
const LIBRARY = {
  name: 'library',
  inputs: ['src', 'sw', 'package.json', 'tsconfig.base.json', 'tsconfig.page.json', 'tsconfig.worker.json']
    .concat([
      'tsconfig.node.json',
      'tsconfig.build-page.json',
      'tsconfig.build-worker.json',
      'tsconfig.build-node.json',
    ])
    .concat(['scripts/build.mjs']),
  except: /^src\/app\/|^sw\/(service-worker|routes|precache|outbox-sync|ending-notice)\.ts$|\.md$/,
  outputs: ['src', 'sw'],
  async build(into) {
    await Promise.all(
      ['page', 'worker', 'node'].map((environment) =>
        run('typescript/bin/tsc', ['-p', `tsconfig.build-${environment}.json`, '--outDir', into]),
      ),
    )
    await finishModules(into)
  },
}

/** @type {Part} */
const APP = {
  name: 'app',
  inputs: ['src', 'sw', 'public', 'vite.config.ts', 'package.json', 'scripts/build.mjs'],
  except: /^src\/(server|cli)\/|\.md$/,
  outputs: ['app'],
  async build(into) {
    await run('vite/bin/vite.js', ['build', '--outDir', join(into, 'app'), '--emptyOutDir', '--logLevel', 'warn'])
  },
}

/**
 * Runs a tool from node_modules. What it says is shown only where it fails.
 *
 * @param {string} script
 * @param {string[]} args
 * @returns {Promise<void>}
 */
function run(script, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(ROOT, 'node_modules', script), ...args], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let said = ''
    child.stdout.on('data', (data) => (said += data))
    child.stderr.on('data', (data) => (said += data))
    child.on('error', reject)
    child.on('close', (status) => {
      if (status === 0) resolve()
      else reject(new Error(`${script} ${args.join(' ')} failed:\n${said}`))
    })
  })
}

/**
 * Files below a path, sorted, relative to the project's root with `/`.
 *
 * @param {string} path
 * @returns {Promise<string[]>}
 */
async function filesBelow(path) {
  const full = join(ROOT, path)
  const info = await stat(full).catch(() => null)
  if (info === null) return []
  if (info.isFile()) return [path]
  const entries = await readdir(full, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath ?? entry.path, entry.name)).replaceAll(sep, '/'))
    .sort()
}

/**
 * A hash over the content of what a part is made from. Content, not times: a fresh clone or a change of branch says nothing by its times.
 *
 * @param {Part} part
 */
async function fingerprint(part) {
  const hash = createHash('sha256').update(process.versions.node)
  for (const input of part.inputs) {
    for (const file of await filesBelow(input)) {
      if (part.except?.test(file)) continue
      hash.update(`\0${file}\0`).update(await readFile(join(ROOT, file)))
    }
  }
  return hash.digest('hex')
}

/** @param {Part} part */
const stampOf = (part) => join(DIST, `.${part.name}-built-from`)

/** @param {Part} part */
async function isBuilt(part) {
  const stamp = await readFile(stampOf(part), 'utf8').catch(() => null)
  return stamp !== null && stamp === (await fingerprint(part))
}

/** An import or export of a TypeScript file, or a worker's address: the compiler leaves both in declarations, the second in modules too. */
const TS_SPECIFIER = /((?:\bfrom|\bimport)\s*\(?\s*['"]\.{1,2}\/[^'"\n]+)\.ts(['"])/g
const WORKER_ADDRESS = /(new URL\(\s*['"]\.{1,2}\/[^'"\n]+)\.ts(['"]\s*,\s*import\.meta\.url)/g

/**
 * Rewrites what tsc's rewriteRelativeImportExtensions leaves alone, and refuses a result that still points at a source.
 *
 * @param {string} folder
 */
async function finishModules(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  for (const entry of entries) {
    if (!entry.isFile() || !/\.(js|d\.ts)$/.test(entry.name)) continue
    const path = join(entry.parentPath ?? entry.path, entry.name)
    const before = await readFile(path, 'utf8')
    const after = before.replace(TS_SPECIFIER, '$1.js$2').replace(WORKER_ADDRESS, '$1.js$2')
    const left = /(?:from|import)\s*\(?\s*['"]\.[^'"\n]*(?<!\.d)\.ts['"]|new URL\([^)]*\.ts['"]/.exec(after)
    if (left !== null) throw new Error(`${path} still refers to a TypeScript source: ${left[0]}`)
    if (after !== before) await writeFile(path, after)
  }
}

/** @param {Part} part */
async function build(part) {
  const print = await fingerprint(part)
  const into = join(DIST, `.building-${part.name}-${process.pid}`)
  await rm(into, { recursive: true, force: true })
  await mkdir(into, { recursive: true })
  try {
    await part.build(into)
    // Replaced whole: a file whose source is gone must not stay, and a reader must not meet half a build.
    for (const output of part.outputs) {
      const old = join(DIST, `.old-${output}-${process.pid}`)
      await rename(join(DIST, output), old).catch(() => {})
      await rename(join(into, output), join(DIST, output))
      await rm(old, { recursive: true, force: true })
    }
    await writeFile(stampOf(part), print)
  } finally {
    await rm(into, { recursive: true, force: true })
  }
}

/**
 * Builds those parts that are not built from the sources as they are now. Several processes may call it at once: one builds.
 *
 * @param {{ parts?: ('library' | 'app')[], force?: boolean, say?: (line: string) => void }} [options]
 * @throws {Error} with the tool's own words where a part cannot be built.
 */
export async function buildOutdated({ parts = ['library', 'app'], force = false, say = console.error } = {}) {
  const wanted = [LIBRARY, APP].filter((part) => parts.includes(/** @type {'library' | 'app'} */ (part.name)))
  /** @type {Part[]} */
  const outdated = []
  for (const part of wanted) if (force || !(await isBuilt(part))) outdated.push(part)
  if (outdated.length === 0) return
  await mkdir(DIST, { recursive: true })
  await withLock(join(DIST, '.lock'), async () => {
    await Promise.all(
      outdated.map(async (part) => {
        // Whoever held the lock before us may have built it.
        if (!force && (await isBuilt(part))) return
        const start = performance.now()
        say(`building the ${part.name} …`)
        await build(part)
        say(`built the ${part.name} in ${((performance.now() - start) / 1000).toFixed(1)} s`)
      }),
    )
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const args = process.argv.slice(2)
  /** @type {('library' | 'app')[]} */
  const named = []
  if (args.includes('--library')) named.push('library')
  if (args.includes('--app')) named.push('app')
  try {
    await buildOutdated({ force: args.includes('--force'), ...(named.length > 0 && { parts: named }) })
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}
