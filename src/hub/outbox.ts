import { backoffDelay } from '../upstream/backoff.ts'
import { folderOf, type ReachUpstream } from '../upstream/reach-upstream.ts'
import type { Clock } from './clock.ts'

/** How long a sign of life counts, in milliseconds: several streams that are sent together share it, and hardly a network goes in that time. */
const FRESH_MS = 1_000

interface Waiting {
  createdAt: number
  go: () => void
}

/** What is known of one server, and who waits for it. */
interface Gate {
  url: string
  waiting: Waiting[]
  looking: Promise<boolean> | null
  answeredAt: number
  /** The last look found nobody. */
  silent: boolean
  /** Ends the pause between two looks. */
  pause: AbortController | null
}

/**
 * The door through which queued requests leave: opened, for each server, by a sign of life, and passed in the order in which the streams were
 * created. What waits, and that it was sent, is in the rows; this only says when it is worth while.
 */
export class Outbox {
  readonly #reach: ReachUpstream
  readonly #clock: Clock
  readonly #random: () => number
  readonly #closed: AbortSignal
  readonly #gates = new Map<string, Gate>()

  constructor(options: { reach: ReachUpstream; clock: Clock; random: () => number; closed: AbortSignal }) {
    this.#reach = options.reach
    this.#clock = options.clock
    this.#random = options.random
    this.#closed = options.closed
  }

  #gate(url: string): Gate {
    const folder = folderOf(url)
    let gate = this.#gates.get(folder)
    if (gate === undefined) {
      gate = { url: folder, waiting: [], looking: null, answeredAt: -Infinity, silent: false, pause: null }
      this.#gates.set(folder, gate)
    }
    return gate
  }

  /** Whether the server of an address gave a sign of life just now, asked for once however many ask. */
  reaches(url: string): Promise<boolean> {
    const gate = this.#gate(url)
    if (this.#clock.now() - gate.answeredAt <= FRESH_MS) return Promise.resolve(true)
    return (gate.looking ??= this.#look(gate))
  }

  async #look(gate: Gate): Promise<boolean> {
    const answered = await this.#reach(gate.url)
    gate.looking = null
    gate.silent = !answered
    gate.answeredAt = answered ? this.#clock.now() : -Infinity
    return answered
  }

  /** Whether the last look at the server of an address found nobody. */
  isSilent(url: string): boolean {
    return this.#gate(url).silent
  }

  /** A connection was lost: what was known of its server counts no longer. */
  lost(url: string): void {
    this.#gate(url).answeredAt = -Infinity
  }

  /** Resolves at the next sign of life of the server, for the stream created first before the others; or when the signal aborts. */
  async wait(url: string, createdAt: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    const gate = this.#gate(url)
    await new Promise<void>((go) => {
      const entry = { createdAt, go }
      gate.waiting.push(entry)
      signal.addEventListener(
        'abort',
        () => {
          gate.waiting = gate.waiting.filter((other) => other !== entry)
          if (gate.waiting.length === 0) gate.pause?.abort()
          go()
        },
        { once: true },
      )
      if (gate.pause === null) void this.#watch(gate)
    })
  }

  /** Looks now and then, at most a quarter of a minute apart, for as long as somebody waits. */
  async #watch(gate: Gate): Promise<void> {
    for (let attempt = 1; gate.waiting.length > 0 && !this.#closed.aborted; attempt++) {
      gate.pause = new AbortController()
      await this.#clock.delay(backoffDelay(attempt, this.#random()), gate.pause.signal)
      if (gate.waiting.length === 0 || !(await this.reaches(gate.url))) continue
      const due = gate.waiting.sort((a, b) => a.createdAt - b.createdAt)
      gate.waiting = []
      for (const { go } of due) go()
    }
    gate.pause = null
  }

  /** Somebody thinks that a look is worth while now: a tab came, the network is back. */
  nudge(): void {
    for (const { pause } of this.#gates.values()) pause?.abort()
  }
}
