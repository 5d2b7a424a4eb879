// @ts-check
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** Between looks at a lock that somebody else holds, in milliseconds. A build takes seconds. */
const LOOK_AGAIN_MS = 100

/**
 * Takes the lock by moving a folder that names us into its place, which fails while another one is there.
 *
 * @param {string} folder
 */
async function take(folder) {
  const mine = `${folder}-${process.pid}`
  await mkdir(mine, { recursive: true })
  await writeFile(join(mine, 'pid'), String(process.pid))
  try {
    await rename(mine, folder)
    return true
  } catch {
    await rm(mine, { recursive: true, force: true })
    return false
  }
}

/** @param {string} folder */
async function holderIsGone(folder) {
  const pid = Number(await readFile(join(folder, 'pid'), 'utf8').catch(() => process.pid))
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'ESRCH'
  }
}

/**
 * Runs `task` while no other process does. A holder that was killed is noticed by its process id.
 *
 * @template T
 * @param {string} folder made for the time of the task; its parent must exist
 * @param {() => Promise<T>} task
 * @returns {Promise<T>}
 */
export async function withLock(folder, task) {
  while (!(await take(folder))) {
    if (await holderIsGone(folder)) await rm(folder, { recursive: true, force: true })
    else await delay(LOOK_AGAIN_MS)
  }
  try {
    return await task()
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
