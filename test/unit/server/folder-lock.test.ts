import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { buildScript, type BuiltScript } from '../../support/script-process.ts'

const PROCESSES = 4
const ROUNDS = 25
/** Until all have heard of it. */
const AHEAD_MS = 20

let folder = ''
let script: BuiltScript

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-folder-'))
  script = await buildScript(join(import.meta.dirname, 'folder-claimer.ts'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
  await script.remove()
})

it('of servers that start in the same moment over one that was killed, one gets the folder', async () => {
  const claimers = Array.from({ length: PROCESSES }, () => {
    const child = spawn(process.execPath, [script.path], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const ask = async (line: string): Promise<string> => {
      child.stdin.write(`${line}\n`)
      const { value } = await answers.next()
      return value ?? `exited with ${String(child.exitCode)}`
    }
    return { ask, end: () => child.stdin.end() }
  })
  const askAll = (line: string): Promise<string[]> => Promise.all(claimers.map(({ ask }) => ask(line)))
  const refused = Array.from({ length: PROCESSES - 1 }, () => 'data-folder')
  try {
    for (let round = 0; round < ROUNDS; round++) {
      // No process can have this number.
      await writeFile(join(folder, 'server.lock'), JSON.stringify({ pid: 2 ** 22 + 1, birth: '1' }))
      const said = await askAll(`claim ${folder} ${Date.now() + AHEAD_MS}`)
      expect(said.sort(), `round ${round}`).toEqual([...refused, 'held'])
      await askAll('free')
    }
  } finally {
    for (const { end } of claimers) end()
  }
}, 60_000)
