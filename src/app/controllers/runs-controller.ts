import type { Channel } from 'headwater'
import type { ReactiveController, ReactiveControllerHost } from 'lit'
import { allStreams } from '../lib/all-streams.ts'
import { factsOfRun } from '../lib/channel-list.ts'
import { fetchRuns } from '../lib/server-api.ts'
import type { StatusFacts } from '../lib/status-words.ts'

/** A run that can be chosen. */
export interface RunChoice {
  url: string
  facts: StatusFacts
  contentType: string | null
  /** Milliseconds since the epoch. */
  startedAt: number
}

/** The runs of a channel, newest first: as the server lists them, else those that this browser has. */
export class RunsController implements ReactiveController {
  readonly #host: ReactiveControllerHost
  #asking: AbortController | null = null
  #key: string | null = null
  #runs: readonly RunChoice[] = []

  constructor(host: ReactiveControllerHost) {
    this.#host = host
    host.addController(this)
  }

  get runs(): readonly RunChoice[] {
    return this.#runs
  }

  /** @param version - the list is asked for again whenever this changes */
  follow(channel: Channel, version: string): void {
    const key = `${channel.name} ${version}`
    if (key === this.#key) return
    this.#key = key
    this.#asking?.abort()
    this.#asking = new AbortController()
    void this.#ask(channel, this.#asking.signal)
  }

  hostDisconnected(): void {
    this.#asking?.abort()
    this.#key = null
  }

  async #ask(channel: Channel, signal: AbortSignal): Promise<void> {
    const runs = await fromServer(channel.name, signal)
      .catch(() => fromHub(channel))
      .catch(() => [])
    if (signal.aborted) return
    this.#runs = runs
    this.#host.requestUpdate()
  }
}

async function fromServer(name: string, signal: AbortSignal): Promise<RunChoice[]> {
  const runs = await fetchRuns(name, signal)
  return runs.map((run) => {
    const { url, contentType, createdAt } = run
    return { url, contentType, startedAt: createdAt, facts: factsOfRun(run) }
  })
}

async function fromHub(channel: Channel): Promise<RunChoice[]> {
  const byUrl = new Map<string, RunChoice>()
  for (const stream of await allStreams(channel)) {
    if (stream.url === null) continue
    const { pathname, search } = new URL(stream.url)
    const { status, waitingFor, ending, contentType, createdAt } = stream
    const url = pathname + search
    byUrl.set(url, { url, contentType, startedAt: createdAt, facts: { status, waitingFor, ending } })
  }
  return [...byUrl.values()].reverse()
}
