import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from './cli.ts'
import { until } from './poll.ts'

/** A port that nobody listens on now. A server that is restarted needs the same one again, so it cannot choose for itself. */
async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return port
}

/** The real server in a process of its own, with a data folder of its own. */
export class HeadwaterServer {
  readonly port: number
  readonly dataFolder: string
  readonly #env: NodeJS.ProcessEnv
  #command: Command | null = null

  private constructor(port: number, dataFolder: string, env: NodeJS.ProcessEnv) {
    this.port = port
    this.dataFolder = dataFolder
    this.#env = env
  }

  static async start(env: NodeJS.ProcessEnv = {}): Promise<HeadwaterServer> {
    const dataFolder = await mkdtemp(join(tmpdir(), 'headwater-e2e-'))
    const server = new HeadwaterServer(await freePort(), dataFolder, env)
    await server.start()
    return server
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Starts it (again) on the same port and the same data; resolves once it answers. */
  async start(): Promise<void> {
    const command = new Command(['serve'], {
      HEADWATER_DEMO_DELAY_MS: '10',
      ...this.#env,
      PORT: String(this.port),
      HOST: '127.0.0.1',
      HEADWATER_DATA: this.dataFolder,
    })
    this.#command = command
    await until('the server to answer', async () => {
      if (!command.running)
        throw new Error(`The server ended by itself:\n${command.stderr}${command.stdout.toString()}`)
      const answer = await fetch(`${this.url}/healthz`).catch(() => null)
      return answer?.ok === true ? true : null
    })
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    await this.#command?.signal('SIGKILL')
  }

  /** Ctrl-C. Answers with its exit status. */
  async stop(): Promise<number> {
    return (await this.#command?.signal('SIGINT')) ?? 0
  }

  /** Sum of a metric over the label sets that contain `label`; 0 where there is none. */
  async metric(name: string, label = ''): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text()
    return text
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      .filter((line) => line.includes(label))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
  }

  /** The newest run of a channel: its stream's address on the server. */
  async newestRun(channel: string): Promise<string> {
    return until(`a run of "${channel}"`, async () => {
      const answer = await fetch(`${this.url}/v1/channels/${encodeURIComponent(channel)}`)
      if (!answer.ok) return null
      const { runs } = (await answer.json()) as { runs: { url: string }[] }
      return runs[0]?.url ?? null
    })
  }

  /** Everything that the server holds of a stream now. */
  async content(streamUrl: string): Promise<string> {
    let offset = '-1'
    let text = ''
    for (;;) {
      const answer = await fetch(`${this.url}${streamUrl}?offset=${offset}`)
      if (!answer.ok) throw new Error(`GET ${streamUrl}: ${answer.status}`)
      text += await answer.text()
      const next = answer.headers.get('stream-next-offset')
      if (next === null || next === offset || answer.headers.get('stream-up-to-date') === 'true') return text
      offset = next
    }
  }

  async close(): Promise<void> {
    await this.kill()
    await rm(this.dataFolder, { recursive: true, force: true })
  }
}
