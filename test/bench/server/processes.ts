import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'vite'
import type {
  AppendJob,
  AppendResult,
  CatchUpJob,
  CatchUpResult,
  ContenderJob,
  ContenderReady,
  ContenderUsage,
  LoadJob,
  SseJob,
  SseResult,
} from './messages.ts'
import { ProcessorShare } from './processor-share.ts'

/** The scripts of the processes, built as they would be for a package. */
export class Scripts {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  static async build(root: string): Promise<Scripts> {
    // Inside of the project, so that the scripts find their packages.
    const folder = await mkdtemp(join(root, 'node_modules/.bench-server-'))
    const input = ['contender', 'load'].map((name) => join(root, `test/bench/server/${name}.ts`))
    await build({
      configFile: false,
      logLevel: 'warn',
      build: { ssr: true, rolldownOptions: { input }, outDir: folder, emptyOutDir: false, target: 'node20' },
    })
    return new Scripts(folder)
  }

  contender(job: ContenderJob): Promise<Contender> {
    return Contender.start(join(this.#folder, 'contender.js'), job)
  }

  load(job: SseJob): Promise<SseResult>
  load(job: AppendJob): Promise<AppendResult>
  load(job: CatchUpJob): Promise<CatchUpResult>
  async load(job: LoadJob): Promise<unknown> {
    const child = fork(join(this.#folder, 'load.js'), [JSON.stringify(job)])
    const result = await answerOf(child)
    child.kill()
    return result
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true })
  }
}

/** A server in a process of its own. */
export class Contender {
  readonly url: string
  readonly #process: ChildProcess
  #streams = 0
  #share: ProcessorShare | null = null

  private constructor(process: ChildProcess, url: string) {
    this.#process = process
    this.url = url
  }

  static async start(script: string, job: ContenderJob): Promise<Contender> {
    // What a server says of its own slowness is none of the report.
    const child = fork(script, [JSON.stringify(job)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    const { url } = (await answerOf(child)) as ContenderReady
    return new Contender(child, url)
  }

  /** A new stream of plain text. Answers with its path. @param run its name, where others create streams in the same store */
  async createStream(run = String(++this.#streams)): Promise<string> {
    const path = `/v1/stream/bench/${run}`
    const answer = await fetch(this.url + path, { method: 'PUT', headers: { 'content-type': 'text/plain' } })
    if (answer.status !== 201) throw new Error(`The stream was not created: ${answer.status}.`)
    return path
  }

  async usage(): Promise<ContenderUsage> {
    const answer = answerOf(this.#process)
    this.#process.send('usage')
    return (await answer) as ContenderUsage
  }

  /** Holds it to a part of one processor from now on. @throws {Error} where the system cannot */
  async limit(part: number): Promise<void> {
    this.#share = await ProcessorShare.hold(this.#process.pid ?? 0, part)
  }

  async stop(): Promise<void> {
    const exited = once(this.#process, 'exit')
    this.#process.disconnect()
    await exited
    await this.#share?.end()
  }
}

async function answerOf(child: ChildProcess): Promise<unknown> {
  const gone = new AbortController()
  const exited = once(child, 'exit', { signal: gone.signal }).then(([code]) => {
    throw new Error(`A process of the bench ended with ${code}.`)
  })
  exited.catch(() => undefined)
  const [answer] = (await Promise.race([once(child, 'message'), exited])) as unknown[]
  gone.abort()
  return answer
}
