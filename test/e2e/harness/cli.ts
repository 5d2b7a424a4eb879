import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../../dist/src/cli/main.js', import.meta.url))

/** Variables that would make a server find models of the machine it runs on, or a client another server. */
const FOREIGN = [
  'OPENAI_BASE_URL',
  'OPENAI_API_KEY',
  'ANTHROPIC_API_KEY',
  'HEADWATER_URL',
  'HEADWATER_TOKEN',
  'PORT',
  'HOST',
]

function cleanEnvironment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !FOREIGN.includes(name))
  // Nothing listens there: no Ollama of this machine's.
  return { ...Object.fromEntries(own), OLLAMA_HOST: 'http://127.0.0.1:9' }
}

/** A run of the `headwater` command. */
export class Command {
  readonly child: ChildProcess
  readonly #stdout: Buffer[] = []
  #stderr = ''
  readonly #closed: Promise<number>

  /** @param script what Node runs: by default the command as built */
  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}, script = MAIN) {
    this.child = spawn(process.execPath, [script, ...args], {
      env: { ...cleanEnvironment(), ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.child.stdout?.on('data', (data: Buffer) => this.#stdout.push(data))
    this.child.stderr?.on('data', (data: Buffer) => (this.#stderr += data.toString()))
    this.child.stdin?.on('error', () => {})
    this.#closed = once(this.child, 'close').then(() => this.child.exitCode ?? 128)
  }

  /** Its exit status, once it has ended; 128 where a signal ended it. */
  get exit(): Promise<number> {
    return this.#closed
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  get stdout(): Buffer {
    return Buffer.concat(this.#stdout)
  }

  get stderr(): string {
    return this.#stderr
  }

  async signal(signal: NodeJS.Signals): Promise<number> {
    this.child.kill(signal)
    return this.#closed
  }
}
