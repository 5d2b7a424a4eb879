/** Upper bounds of the classes of {@link Histogram}, in seconds: a delivery within a millisecond is the rule, a second is a complaint. */
const LAG_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10] as const

/** How often something took at most so long, as Prometheus counts it. */
export class Histogram {
  readonly bounds: readonly number[]
  /** One for each bound, not summed up, and one for what lies beyond. */
  readonly counts: number[]
  sum = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = [...bounds.map(() => 0), 0]
  }

  observe(value: number): void {
    const at = this.bounds.findIndex((bound) => value <= bound)
    const index = at < 0 ? this.bounds.length : at
    this.counts[index] = (this.counts[index] ?? 0) + 1
    this.sum += value
  }
}

/** What the server has done since its start: figures that only rise. */
export class Figures {
  requests = 0
  appends = 0
  appendedBytes = 0
  deliveredBytes = 0
  /** Age of a stream's newest record when a reader that was waiting for it is handed it, in seconds. */
  readonly lag = new Histogram(LAG_BOUNDS)
  /** Refusals and failures by their code. Codes are our own words: there are some forty. */
  readonly errors = new Map<string, number>()
  /** Model runs by how they ended: the kind of the ending, or its code where it is an error with one. */
  readonly runs = new Map<string, number>()

  countError(code: string): void {
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1)
  }

  countRun(outcome: string): void {
    this.runs.set(outcome, (this.runs.get(outcome) ?? 0) + 1)
  }
}
