import { spawn, type ChildProcess, type ChildProcessByStdio } from 'node:child_process'
import { constants } from 'node:os'
import type { Readable } from 'node:stream'
import type { Ending } from '../protocol/chunk.ts'
import { descendantsOf, signalAll } from './process-tree.ts'
import { CliError } from './cli-error.ts'

/** Where the bytes of a run come from: a command's output, or standard input. */
export interface Input {
  /** Read in the order in which they bring bytes. */
  readonly streams: readonly Readable[]
  /** How it ended by itself, and the exit code for that; once all its bytes were read. */
  readonly finished: Promise<{ ending: Ending; exitCode: number }>
  /** Nobody tells how it ended once it was asked to stop. */
  readonly isStdin: boolean
  /** Asks it to stop, as the terminal would. */
  signal(name: NodeJS.Signals): void
  /** Stops it, with force where it does not listen, and lets go of its output. */
  kill(): Promise<void>
}

/** Exit status that a shell gives to a command that died of a signal. */
export const signalStatus = (signal: NodeJS.Signals): number => 128 + constants.signals[signal]

// How long a command has for its own cleaning up; what service managers give is longer, but here a person waits.
const KILL_AFTER_MS = 5000

function ended(code: number | null, signal: NodeJS.Signals | null): { ending: Ending; exitCode: number } {
  if (signal !== null) {
    const exitCode = signalStatus(signal)
    return { ending: { kind: 'error', code: 'signal', exitCode }, exitCode }
  }
  if (code === 0) return { ending: { kind: 'done', exitCode: 0 }, exitCode: 0 }
  const exitCode = code ?? 1
  return { ending: { kind: 'error', code: 'exit-status', exitCode }, exitCode }
}

/** Ends the command, and what it has started: a shell ends without its children. */
async function killChild(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
    const started = descendantsOf(child.pid)
    const exited = new Promise((resolve) => child.once('exit', resolve))
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      signalAll(started, 'SIGKILL')
    }, KILL_AFTER_MS)
    child.kill('SIGTERM')
    signalAll(started, 'SIGTERM')
    await exited
    clearTimeout(timer)
  }
  // What the command has left running may hold the pipes open; nobody reads them any longer.
  child.stdout?.destroy()
  child.stderr?.destroy()
}

const REASONS: Readonly<Record<string, string>> = { ENOENT: 'no such command', EACCES: 'permission denied' }

// Some failures are thrown (arguments that are too long, a path through a file), others are told later.
async function start(file: string, args: readonly string[]): Promise<ChildProcessByStdio<null, Readable, Readable>> {
  const child = spawn(file, args, { stdio: ['inherit', 'pipe', 'pipe'] })
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', reject)
  })
  return child
}

/** Starts a command; its standard input is the terminal's. */
export async function runCommand(command: readonly string[]): Promise<Input> {
  const [file, ...args] = command
  if (file === undefined)
    throw new CliError('There is no command behind "--". Leave "--" out to read standard input.', 2)
  const child = await start(file, args).catch((error: NodeJS.ErrnoException) => {
    const reason = REASONS[error.code ?? ''] ?? error.message
    // The statuses of the shell: not found, found but not executable.
    throw new CliError(`Cannot run "${file}": ${reason}.`, error.code === 'ENOENT' ? 127 : 126)
  })
  return {
    streams: [child.stdout, child.stderr],
    // 'close', not 'exit': output may still be in the pipes.
    finished: new Promise((resolve) => child.once('close', (code, signal) => resolve(ended(code, signal)))),
    isStdin: false,
    signal(name) {
      // To all, as a terminal does: a shell waits for its child before it looks at its own.
      const started = child.pid === undefined ? [] : descendantsOf(child.pid)
      child.kill(name)
      signalAll(started, name)
    },
    kill: () => killChild(child),
  }
}

/** Standard input, whose end is `done`. */
export function readStdin(): Input {
  const { stdin } = process
  return {
    streams: [stdin],
    finished: new Promise((resolve, reject) => {
      stdin.once('end', () => resolve({ ending: { kind: 'done' }, exitCode: 0 }))
      stdin.once('error', reject)
    }),
    isStdin: true,
    // Whoever writes to us has its own signal from the terminal; we end with what we have.
    signal: () => stdin.destroy(),
    kill: () => Promise.resolve(void stdin.destroy()),
  }
}
