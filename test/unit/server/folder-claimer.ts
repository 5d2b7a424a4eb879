import { createInterface } from 'node:readline'
import { readConfig } from '../../../src/server/config.ts'
import { openStore, type OpenedStore } from '../../../src/server/open-store.ts'
import { StartError } from '../../../src/server/server-error.ts'

// Run as a process of its own. `claim <folder> <time>` on its input opens the store in that folder, at that time and not before, and is answered with
// `held` or with the refusal's code; `free` lets go.
let opened: OpenedStore | null = null

async function claim(folder: string, time: number): Promise<string> {
  // Not a timer, which two processes would see a millisecond apart.
  while (Date.now() < time) continue
  try {
    opened = await openStore(readConfig({}, { data: folder }))
    return 'held'
  } catch (error) {
    return error instanceof StartError ? error.code : String(error)
  }
}

async function free(): Promise<string> {
  await opened?.close()
  opened = null
  return 'free'
}

for await (const line of createInterface({ input: process.stdin })) {
  const [what, folder = '', time] = line.split(' ')
  process.stdout.write(`${what === 'claim' ? await claim(folder, Number(time)) : await free()}\n`)
}
