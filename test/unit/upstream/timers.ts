import type { Delay } from '../../../src/upstream/silence.ts'

/** Timers that run out when told. */
export class Timers {
  #waiting = new Map<() => void, number>()
  readonly delay: Delay = (ms, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve()
      const done = (): void => {
        this.#waiting.delete(done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      this.#waiting.set(done, ms)
      signal.addEventListener('abort', done, { once: true })
    })

  /** Milliseconds of each timer that runs. */
  get running(): number[] {
    return [...this.#waiting.values()]
  }

  /** All timers run out, `times` times; what follows from it happens in between. */
  async runOut(times = 1): Promise<void> {
    for (let time = 0; time < times; time++) {
      for (const done of [...this.#waiting.keys()]) done()
      await settle()
    }
  }
}

/** Lets everything happen that needs no time. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}
