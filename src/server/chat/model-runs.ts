import type { StreamName, StreamStore } from '../stream-store.ts'
import { RunLog } from './run-log.ts'
import type { RunRequest, StopReason } from './run-model.ts'
import { endCancelled, endLost, runModel } from './run-model.ts'

interface LiveRun {
  readonly stop: AbortController
  readonly ended: Promise<void>
}

const keyOf = (name: StreamName): string => JSON.stringify([name.channel, name.run])

/** The model runs of this process. They belong to no request: readers come and go, a run ends by itself, by a cancel, or with the process. */
export class ModelRuns {
  readonly #store: StreamStore
  /** This process, as the rows of its runs name it. */
  readonly #writer: string
  readonly #live = new Map<string, LiveRun>()

  constructor(store: StreamStore, writer: string) {
    this.#store = store
    this.#writer = writer
  }

  get liveCount(): number {
    return this.#live.size
  }

  /** Starts a run, or joins the one of that name. */
  async start(name: StreamName, request: RunRequest): Promise<'started' | 'joined' | 'taken'> {
    const created = await this.#store.create(name, { contentType: 'application/json', writer: this.#writer })
    if (created.kind === 'created') {
      this.#launch(name, request)
      return 'started'
    }
    // Ended runs are in conflict with an open one of the same name; they are the same run all the same.
    const info = created.kind === 'exists' || created.kind === 'conflict' ? created.info : null
    return info !== null && info.writer !== null ? 'joined' : 'taken'
  }

  #launch(name: StreamName, request: RunRequest): void {
    const stop = new AbortController()
    const key = keyOf(name)
    const log = new RunLog(this.#store, name, this.#writer, () => stop.abort('cancelled' satisfies StopReason))
    const ended = runModel(request, log, stop.signal).finally(() => this.#live.delete(key))
    this.#live.set(key, { stop, ended })
  }

  /** Aborts the model call of a run, and resolves once its ending is stored. Without effect on a run that has ended. */
  async cancel(name: StreamName): Promise<void> {
    const run = this.#live.get(keyOf(name))
    if (run !== undefined) return this.#stop(run, 'cancelled')
    const info = await this.#store.info(name)
    // Open although nobody runs it: it is about to begin, and its first word will find it closed; or its ending could not be stored.
    if (typeof info === 'string' || info.ending !== null || info.writer === null) return
    await endCancelled(new RunLog(this.#store, name, info.writer, () => {}))
  }

  /** Ends every run of this process: it is about to stop. */
  async close(): Promise<void> {
    await Promise.all([...this.#live.values()].map((run) => this.#stop(run, 'closing')))
  }

  async #stop(run: LiveRun, reason: StopReason): Promise<void> {
    run.stop.abort(reason)
    await run.ended
  }

  /** Ends the runs that an earlier process left open: nobody will ever continue them. Returns how many. */
  async endOrphans(): Promise<number> {
    const orphans = (await this.#store.unfinishedRuns()).filter((run) => run.writer !== this.#writer)
    for (const { name, writer } of orphans) await endLost(new RunLog(this.#store, name, writer ?? '', () => {}))
    return orphans.length
  }
}
