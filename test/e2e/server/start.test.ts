import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from '../harness/cli.ts'
import { expect, test } from '../harness/fixtures.ts'
import { until } from '../harness/poll.ts'

const script = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url))

/** Pretends to be a Node of another version, to a script that asks. */
const oldNode = (version: string): string =>
  `--import=data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'${version}'}})`

test('npm start serves app and server, says where on one screen, and Ctrl-C closes it cleanly', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-start-'))
  const start = new Command([], { PORT: '0', HEADWATER_DATA: folder }, script('scripts/start.mjs'))
  try {
    const url = await until('the address', () => {
      if (!start.running) throw new Error(start.stderr)
      return /http:\/\/127\.0\.0\.1:\d+/.exec(start.stdout.toString())?.[0] ?? null
    })
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    expect(await (await fetch(url)).text()).toContain('<title>Headwater</title>')
    const screen = start.stdout.toString()
    expect(screen).toContain(folder)
    expect(screen).toMatch(/demo/i)
    expect(screen).toMatch(/headwater pipe/)
    expect(screen.split('\n').length).toBeLessThan(25)
    expect(await start.signal('SIGINT')).toBe(0)
    // No terminal, so the log is for programs: nothing but news, and no secret.
    const log = start.stderr.split('\n').filter((line) => line !== '')
    expect(log.map((line) => (JSON.parse(line) as { level: string }).level)).toEqual(log.map(() => 'info'))
  } finally {
    await start.signal('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  }
})

test('a port that is taken is said so, with a non-zero exit', async ({ server }) => {
  const second = new Command(['serve'], { PORT: String(server.port), HEADWATER_STORE: 'memory' })
  expect(await second.exit).not.toBe(0)
  expect(second.stderr).toContain(`Port ${server.port}`)
  expect(second.stderr).not.toMatch(/^ +at /m)
})

test('a data folder that cannot be written is said so, with a non-zero exit', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-start-'))
  const file = join(folder, 'a-file')
  await writeFile(file, '')
  const serve = new Command(['serve'], { PORT: '0', HEADWATER_DATA: join(file, 'data') })
  expect(await serve.exit).not.toBe(0)
  expect(serve.stderr).toContain(join(file, 'data'))
  expect(serve.stderr).not.toMatch(/^ +at /m)
  await rm(folder, { recursive: true, force: true })
})

for (const path of ['scripts/start.mjs', 'bin/headwater.js']) {
  test(`${path} refuses a Node that is too old, with a clear message and a non-zero exit`, async () => {
    const run = new Command([], { NODE_OPTIONS: oldNode('18.20.4') }, script(path))
    expect(await run.exit).toBe(1)
    expect(run.stderr).toMatch(/needs Node 20 or newer/)
  })
}
