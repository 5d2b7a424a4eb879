import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { EmbeddedStreamStore } from '../../../src/server/stores/embedded.ts'
import { buildScript, type BuiltScript } from '../../support/script-process.ts'

/** HEADWATER_CRASH_ROUNDS=200 by hand. */
const ROUNDS = Number(process.env['HEADWATER_CRASH_ROUNDS'] ?? 5)
/** Then another stream: every round reads the whole of its stream. */
const ROUNDS_PER_STREAM = 10

let folder = ''
let script: BuiltScript

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-crash-'))
  script = await buildScript(join(import.meta.dirname, 'crash-writer.ts'))
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
  await script.remove()
})

interface Acknowledged {
  /** The highest seq. */
  last: number
  /** Streams whose creation was acknowledged, and whose deletion was. */
  created: Set<string>
  deleted: Set<string>
}

/** Lets a process write until `count` appends are acknowledged, and kills it. */
async function writeAndKill(run: string, first: number, count: number): Promise<Acknowledged> {
  const child = spawn(process.execPath, [script.path, folder, run, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const said: Acknowledged = { last: first - 1, created: new Set(), deleted: new Set() }
  let acknowledged = 0
  for await (const line of createInterface({ input: child.stdout })) {
    const [what, stream = ''] = line.split(' ')
    if (what === 'created') said.created.add(stream)
    else if (what === 'deleted') said.deleted.add(stream)
    else {
      said.last = Math.max(said.last, Number(line))
      acknowledged += 1
    }
    if (acknowledged === count) child.kill('SIGKILL')
  }
  await exited
  expect(acknowledged).toBeGreaterThanOrEqual(count)
  return said
}

it(
  'has every acknowledged append, whole and once, and no deleted stream, after the process was killed with SIGKILL',
  async () => {
    const seed = Date.now() % 100_000
    console.info(`seed ${seed}, ${ROUNDS} rounds`)
    let next = 0
    for (let round = 0; round < ROUNDS; round++) {
      const run = String(Math.floor(round / ROUNDS_PER_STREAM))
      if (round % ROUNDS_PER_STREAM === 0) next = 0
      const { last, created, deleted } = await writeAndKill(run, next, 20 + ((seed * (round + 1) * 31) % 400))
      const store = new EmbeddedStreamStore({ folder })
      const name = { channel: 'crash', run }
      const page = await store.read(name, 'start', 1e9)
      const records = page.kind === 'page' ? page.records.map((record) => new TextDecoder().decode(record)) : []
      expect(records.length).toBeGreaterThan(last)
      records.forEach((record, seq) => {
        if (record !== `${seq}:${'x'.repeat((seq * 7919) % 9000)};`)
          throw new Error(`record ${seq} is not what was written`)
      })
      expect(page.kind === 'page' && page.info.tail.record).toBe(records.length)
      const there = new Set((await store.runs('deleted')).map((info) => info.name.run))
      expect([...deleted].filter((stream) => there.has(stream))).toEqual([])
      for (const stream of there) {
        const other = await store.read({ channel: 'deleted', run: stream }, 'start', 1e6)
        expect(other.kind === 'page' && other.records.map((record) => record.byteLength)).toEqual([5000])
        await store.remove({ channel: 'deleted', run: stream })
      }
      expect(created.size).toBeGreaterThanOrEqual(deleted.size)
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
  },
  60_000 + ROUNDS * 20_000,
)
