import { execFile } from 'node:child_process'
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { formatMessage } from 'publint/utils'
import { publint } from 'publint'
import { hubsOf } from '../e2e/harness/browser.ts'
import { expect, test } from '../e2e/harness/fixtures.ts'
import { lines } from '../e2e/harness/truth.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const OUTSIDER = fileURLToPath(new URL('./outsider', import.meta.url))
const execute = promisify(execFile)
const require = createRequire(import.meta.url)

/** The version that this project itself uses of a tool: it is in npm's cache already. */
const ours = (name: string): string =>
  `${name}@${(require(join(ROOT, 'node_modules', name, 'package.json')) as { version: string }).version}`

async function npm(args: readonly string[], cwd: string): Promise<string> {
  const { stdout } = await execute('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], { cwd })
  return stdout
}

/** A folder outside of the project where the package is installed from its tarball, as anybody would. */
let folder: string

test.beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-outsider-'))
  await cp(OUTSIDER, folder, { recursive: true })
  // The build is fresh already, by the global set-up.
  await npm(['pack', '--ignore-scripts', '--pack-destination', folder], ROOT)
  const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz'))
  if (tarball === undefined) throw new Error('npm pack made no tarball.')
  await npm(['install', '--prefer-offline', `./${tarball}`, ours('vite'), ours('typescript')], folder)
})

test.afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

test('the package is well-formed', async () => {
  const { messages, pkg } = await publint({ pkgDir: join(folder, 'node_modules/headwater'), pack: false, strict: true })
  expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([])
})

test('it ships neither sources nor tests', async () => {
  const files = await readdir(join(folder, 'node_modules/headwater'), { recursive: true })
  expect(files.filter((file) => /(^|\/)test\/|(?<!\.d)\.ts$/.test(file) && !file.includes('node_modules'))).toEqual([])
})

test('its types hold in an application that checks libraries, too', async () => {
  const compiler = ['node_modules/typescript/bin/tsc', '-p', '.', '--pretty', 'false']
  const said = await execute(process.execPath, compiler, { cwd: folder }).then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) => error.stdout,
  )
  // What other packages' declarations lack (Node's types, mostly) is their business.
  const foreign = /^(?:node_modules\/(?!headwater\/)|\s)/
  expect(said.split('\n').filter((line) => line !== '' && !foreign.test(line))).toEqual([])
  const { stdout } = await execute(process.execPath, [...compiler, '--listFilesOnly'], { cwd: folder })
  expect(stdout).toContain('node_modules/headwater/dist/src/client/index.d.ts')
})

test('an outsider’s Vite application shows a stream in two tabs through one SharedWorker', async ({
  upstream,
  context,
}) => {
  await execute(process.execPath, ['node_modules/vite/bin/vite.js', 'build'], { cwd: folder })
  upstream.pageFolder = join(folder, 'dist')
  const stream = upstream.script('outsider', { format: 'text', chunks: lines(50), released: 20, ends: false })
  const pages = [await context.newPage(), await context.newPage()]
  for (const page of pages) await page.goto(upstream.origin)
  for (const page of pages) await expect(page.locator('#text')).toContainText('line 20')
  expect(await hubsOf(context)).toHaveLength(1)
  expect(stream.requests).toHaveLength(1)
  stream.release()
  stream.end()
  for (const page of pages) {
    await expect(page.locator('#status')).toHaveText('done')
    expect(await page.locator('#text').textContent()).toBe(stream.truth.join(''))
  }
})

test('its entries for the server load in plain Node', async () => {
  const script = `
    const [{ createStreamHandler, MemoryStreamStore }, node, embedded] = await Promise.all([
      import('headwater/server'), import('headwater/server/node'), import('headwater/server/embedded') ])
    const handler = createStreamHandler({ store: new MemoryStreamStore(), models: [] })
    const answer = await handler.fetch(new Request('http://127.0.0.1/healthz'))
    console.log([answer.status, typeof node.serve, Object.keys(embedded).length > 0].join(' '))`
  const { stdout } = await execute(process.execPath, ['--input-type=module', '-e', script], { cwd: folder })
  expect(stdout.trim()).toBe('200 function true')
})

test('its command runs, and says what it can do', async () => {
  const { stdout } = await execute(join(folder, 'node_modules/.bin/headwater'), ['--help'], { cwd: folder })
  for (const command of ['serve', 'pipe', 'tail', 'ls', 'cancel']) expect(stdout).toContain(command)
})
