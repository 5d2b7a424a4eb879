import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { build } from 'vite'

const root = resolve(import.meta.dirname, '../../..')
// Inside the project, so that the built file finds its packages.
const outDir = join(root, 'node_modules/.cache', `headwater-cli-${process.pid}`)

/** Builds the command line once for a test file. Answers with the way to remove it. */
export async function buildCli(): Promise<() => Promise<void>> {
  await build({
    configFile: false,
    root,
    logLevel: 'error',
    build: { ssr: 'src/cli/main.ts', outDir, emptyOutDir: true, target: 'node20', minify: false },
  })
  return () => rm(outDir, { recursive: true, force: true })
}

const running = new Set<CliProcess>()

/** Ends what a failed test left running. */
export function killLeftovers(): void {
  for (const { child } of running) child.kill('SIGKILL')
}

/** A started `headwater`, with all that it wrote. */
export class CliProcess {
  readonly child: ChildProcessWithoutNullStreams
  readonly exit: Promise<number>
  #out: Buffer[] = []
  #err: Buffer[] = []
  #changed: (() => void)[] = []

  constructor(args: readonly string[], env: Record<string, string> = {}) {
    this.child = spawn(process.execPath, [join(outDir, 'main.js'), ...args], {
      // SHLVL: a bash that is the first and has a socket for standard input believes it was started by rshd, and reads .bashrc.
      env: { PATH: process.env['PATH'] ?? '', SHLVL: '2', OLLAMA_HOST: '127.0.0.1:9', ...env },
    })
    this.child.stdout.on('data', (piece: Buffer) => this.#add(this.#out, piece))
    this.child.stderr.on('data', (piece: Buffer) => this.#add(this.#err, piece))
    this.child.stdin.on('error', () => undefined)
    running.add(this)
    this.exit = new Promise((done) =>
      this.child.once('close', (code, signal) => {
        running.delete(this)
        this.#add(this.#err, Buffer.alloc(0))
        done(code ?? (signal === 'SIGINT' ? 130 : -1))
      }),
    )
  }

  get out(): string {
    return Buffer.concat(this.#out).toString('latin1')
  }

  get err(): string {
    return Buffer.concat(this.#err).toString()
  }

  /** Resolves once what was written fits; rejects where the process ends without it. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`The process ended first.\nstdout: ${this.out}\nstderr: ${this.err}`)
      }
      await new Promise<void>((wake) => this.#changed.push(wake))
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  #add(to: Buffer[], piece: Buffer): void {
    to.push(piece)
    for (const wake of this.#changed.splice(0)) wake()
  }
}

/** A real server on its own data folder, that can be killed and started again where it was. */
export class TestServer {
  readonly dataFolder: string
  url = ''
  #process: CliProcess | null = null

  private constructor(dataFolder: string) {
    this.dataFolder = dataFolder
  }

  static async start(): Promise<TestServer> {
    const server = new TestServer(await mkdtemp(join(tmpdir(), 'headwater-cli-')))
    await server.start('0')
    return server
  }

  async start(port = new URL(this.url).port): Promise<void> {
    this.#process = new CliProcess(['serve', '--port', port, '--data', this.dataFolder], {
      HEADWATER_DEMO_DELAY_MS: '1',
    })
    const { until, out } = { until: this.#process.until.bind(this.#process), out: () => this.#process?.out ?? '' }
    await until(() => out().includes('Ctrl-C'))
    this.url = /Headwater\s+(http:\/\/[^\s/]+)/.exec(out())?.[1] ?? ''
  }

  async kill(): Promise<void> {
    this.#process?.kill('SIGKILL')
    await this.#process?.exit
  }

  /** Ctrl-C; answers with the exit status. */
  async interrupt(): Promise<number | undefined> {
    this.#process?.kill('SIGINT')
    return this.#process?.exit
  }

  async close(): Promise<void> {
    await this.interrupt()
    await rm(this.dataFolder, { recursive: true, force: true })
  }

  /** A command that talks to this server. */
  run(...args: string[]): CliProcess {
    return new CliProcess(args, { HEADWATER_URL: this.url })
  }

  async json(path: string): Promise<unknown> {
    return (await fetch(this.url + path)).json()
  }

  /** All bytes of a channel's newest run. */
  async bytes(channel: string): Promise<string> {
    const { runs } = (await this.json(`/v1/channels/${channel}`)) as { runs: { url: string }[] }
    let all = ''
    for (let offset = '-1'; ;) {
      const response = await fetch(`${this.url}${runs[0]?.url ?? ''}?offset=${offset}`)
      all += Buffer.from(await response.arrayBuffer()).toString('latin1')
      offset = response.headers.get('stream-next-offset') ?? ''
      if (response.headers.get('stream-up-to-date') === 'true') return all
    }
  }
}
