import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** A process, and when it started: its number alone may be another one's by the time of a second look. */
export interface FoundProcess {
  readonly pid: number
  readonly parent: number
  readonly birth: string
}

/**
 * What a process has started, and what those have, before it is gone: then nobody can tell any more. Not by a process group of its own, which
 * would take the terminal from a command that asks for a password. Empty where the system does not tell.
 */
export function descendantsOf(root: number): FoundProcess[] {
  const all = allProcesses()
  const found: FoundProcess[] = []
  for (let parents = [root]; parents.length > 0;) {
    const children = all.filter(({ parent }) => parents.includes(parent))
    found.push(...children)
    parents = children.map(({ pid }) => pid)
  }
  return found
}

/** Signals those that are still the same. */
export function signalAll(processes: readonly FoundProcess[], signal: NodeJS.Signals): void {
  if (processes.length === 0) return
  const birthOf = new Map(allProcesses().map(({ pid, birth }) => [pid, birth]))
  for (const { pid, birth } of processes) {
    if (birthOf.get(pid) !== birth) continue
    try {
      process.kill(pid, signal)
    } catch {
      // Gone meanwhile, or of another user: then it is not ours to end.
    }
  }
}

function allProcesses(): FoundProcess[] {
  try {
    return process.platform === 'linux' ? fromProc() : fromPs()
  } catch {
    return []
  }
}

// Small systems have no `ps`.
function fromProc(): FoundProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        // Behind the name of the program, which may hold anything: state, parent … and as the twentieth its start (proc(5)).
        const fields = readFileSync(`/proc/${name}/stat`, 'utf8')
          .replace(/^.*\) /s, '')
          .split(' ')
        return [{ pid: Number(name), parent: Number(fields[1]), birth: fields[19] ?? '' }]
      } catch {
        return []
      }
    })
}

function fromPs(): FoundProcess[] {
  const text = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,lstart='], { encoding: 'utf8' })
  return [...text.matchAll(/^\s*(\d+)\s+(\d+)\s+(.*)$/gm)].map(([, pid, parent, birth = '']) => ({
    pid: Number(pid),
    parent: Number(parent),
    birth,
  }))
}
