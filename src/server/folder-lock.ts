import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { StartError } from './server-error.ts'

const FILE = 'server.lock'

// A server may be started twice in one process.
const heldHere = new Set<string>()

/** Who holds the folder: a process, and what tells it from a later one of the same number. */
interface Holder {
  pid: number
  birth: string | null
}

/**
 * Holds a data folder for this process, since readers are woken within one process only. A lock whose process is dead is taken over. To be called by
 * one process at a time: between its reading and its writing another one would do the same.
 * @returns the way to let go
 * @throws {StartError} `data-folder` where another server holds it, or it cannot be written
 */
export function lockFolder(folder: string): () => void {
  checkFolder(folder)
  const path = join(folder, FILE)
  rmSync(path, { force: true })
  writeFileSync(path, JSON.stringify(thisProcess()), { flag: 'wx', mode: 0o600 })
  heldHere.add(path)
  return () => {
    if (heldHere.delete(path)) rmSync(path, { force: true })
  }
}

/** @throws {StartError} `data-folder` where another server holds the folder */
export function checkFolder(folder: string): void {
  const path = join(folder, FILE)
  const holder = readHolder(path)
  if (holder !== null && (heldHere.has(path) || isOther(holder, thisProcess()))) {
    throw new StartError(
      'data-folder',
      `Another server (process ${holder.pid}) uses ${folder}. Stop it, or give another folder with --data.`,
      folder,
    )
  }
}

function thisProcess(): Holder {
  return { pid: process.pid, birth: birthOf(process.pid) }
}

function readHolder(path: string): Holder | null {
  try {
    const { pid, birth } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
    return Number.isSafeInteger(pid) ? { pid: pid as number, birth: typeof birth === 'string' ? birth : null } : null
  } catch {
    // Missing, or torn by a crash: held by nobody.
    return null
  }
}

function isOther(holder: Holder, own: Holder): boolean {
  // Our own number and not held by us: a process before us had it.
  if (holder.pid === own.pid) return false
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    // EPERM: it lives, and is somebody else's.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const birth = birthOf(holder.pid)
  return birth === null || holder.birth === null || birth === holder.birth
}

// Process numbers come round again, in containers at once: the time of birth tells two of one number apart. Linux only; elsewhere the number
// alone must do.
function birthOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // After the name, which may hold spaces and is in parentheses; field 22 is the start time.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch {
    return null
  }
}
