import type { StreamName, StreamStore } from '../stream-store.ts'
import { RunLog } from './run-log.ts'
import type { RunRequest, StopReason } from './run-model.ts'
import { endCancelled, endLost, runModel } from './run-model.ts'

/** How long others leave a run alone whose process does not speak any more, in milliseconds. Renewed at a third of it. */
const LEASE_MS = 15_000

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
  /** Renews the lease of this process, while it has runs. */
  #renewal: ReturnType<typeof setInterval> | null = null

  constructor(store: StreamStore, writer: string) {
    this.#store = store
    this.#writer = writer
  }

  get liveCount(): number {
    return this.#live.size
  }

  /** Starts a run, or joins the one of that name. */
  async start(name: StreamName, request: RunRequest): Promise<'started' | 'joined' | 'taken'> {
    // Before there is a run that another process could take for an orphan.
    await this.#holdLease()
    const created = await this.#store.create(name, {
      contentType: 'application/json',
      writer: this.#writer,
      chat: true,
    })
    if (created.kind === 'created') {
      this.#launch(name, request)
      return 'started'
    }
    // Ended runs are in conflict with an open one of the same name; they are the same run all the same.
    const info = created.kind === 'exists' || created.kind === 'conflict' ? created.info : null
    return info !== null && info.chat ? 'joined' : 'taken'
  }

  #launch(name: StreamName, request: RunRequest): void {
    const stop = new AbortController()
    const key = keyOf(name)
    const log = new RunLog(this.#store, name, this.#writer, () => stop.abort('cancelled' satisfies StopReason))
    // Cancelled through another process, or deleted: the stream is closed, and the model, which may be silent for long, has to hear of it.
    const unwatch = this.#store.watch(name, ({ kind }) => {
      if ((kind === 'ended' && !log.isEnding) || kind === 'removed') stop.abort('cancelled' satisfies StopReason)
    })
    const ended = runModel(request, log, stop.signal).finally(() => {
      unwatch()
      this.#live.delete(key)
      if (this.#live.size === 0) this.#stopRenewal()
    })
    this.#live.set(key, { stop, ended })
    this.#renewal ??= setInterval(() => void this.#holdLease().catch(() => undefined), LEASE_MS / 3)
  }

  #holdLease(): Promise<void> {
    return this.#store.holdLease(this.#writer, LEASE_MS)
  }

  #stopRenewal(): void {
    if (this.#renewal !== null) clearInterval(this.#renewal)
    this.#renewal = null
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

  /** Ends the runs whose process is gone: nobody will ever continue them. Returns how many. */
  async endOrphans(): Promise<number> {
    let count = 0
    for (const { name, writer } of await this.#store.unfinishedRuns()) {
      if (writer === null || writer === this.#writer || (await this.#store.hasLease(writer))) continue
      await endLost(new RunLog(this.#store, name, writer, () => {}))
      count += 1
    }
    return count
  }
}
