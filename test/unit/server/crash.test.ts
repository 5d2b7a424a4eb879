import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { build } from 'vite'
import { EmbeddedStreamStore } from '../../../src/server/stores/embedded.ts'

const ROUNDS = 5
const name = { channel: 'crash', run: '1' }

let folder = ''
let script = ''
let scriptFolder = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-crash-'))
  // Inside of the project, so that the script finds the database's package.
  scriptFolder = await mkdtemp(join(import.meta.dirname, '../../../node_modules/.crash-writer-'))
  script = join(scriptFolder, 'crash-writer.js')
  await build({
    configFile: false,
    logLevel: 'error',
    build: { ssr: join(import.meta.dirname, 'crash-writer.ts'), outDir: scriptFolder, emptyOutDir: false },
  })
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
  await rm(scriptFolder, { recursive: true, force: true })
})

/** Lets a process write until `count` appends are acknowledged, kills it, and answers with the highest of them. */
async function writeAndKill(first: number, count: number): Promise<number> {
  const child = spawn(process.execPath, [script, folder, String(first)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  let last = first - 1
  let acknowledged = 0
  for await (const line of createInterface({ input: child.stdout })) {
    last = Math.max(last, Number(line))
    acknowledged += 1
    if (acknowledged === count) child.kill('SIGKILL')
  }
  await exited
  expect(acknowledged).toBeGreaterThanOrEqual(count)
  return last
}

it('has every acknowledged append, whole and once, after the process was killed with SIGKILL', async () => {
  const seed = Date.now() % 100_000
  console.info(`seed ${seed}`)
  let next = 0
  for (let round = 0; round < ROUNDS; round++) {
    const last = await writeAndKill(next, 20 + ((seed * (round + 1) * 31) % 400))
    const store = new EmbeddedStreamStore({ folder })
    const page = await store.read(name, 'start', 1e9)
    const records = page.kind === 'page' ? page.records.map((record) => new TextDecoder().decode(record)) : []
    expect(records.length).toBeGreaterThan(last)
    records.forEach((record, seq) => {
      if (record !== `${seq}:${'x'.repeat((seq * 7919) % 9000)};`)
        throw new Error(`record ${seq} is not what was written`)
    })
    expect(page.kind === 'page' && page.info.tail.record).toBe(records.length)
    // The producer's state is of the same transaction as the data: the next seq is the number of records, no more and no less.
    const append = (seq: number) =>
      store.append(name, {
        contentType: 'text/plain',
        records: [new TextEncoder().encode(`${seq}:${'x'.repeat((seq * 7919) % 9000)};`)],
        producer: { id: 'writer', epoch: 0, seq },
      })
    expect((await append(records.length - 1)).kind).toBe('duplicate')
    expect((await append(records.length)).kind).toBe('appended')
    await store.close()
    next = records.length + 1
  }
}, 60_000)
