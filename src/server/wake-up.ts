/** A bell for one sleeper: what rang while nobody slept is not forgotten. */
export class WakeUp {
  #rung = false
  #wake: (() => void) | null = null

  ring(): void {
    this.#rung = true
    this.#wake?.()
  }

  /** Resolves when the bell rings (or rang since the last wait), after `ms`, or when `signal` aborts. */
  wait(ms: number, signal: AbortSignal): Promise<'rung' | 'timeout' | 'aborted'> {
    return new Promise((resolve) => {
      const settle = (outcome: 'rung' | 'timeout' | 'aborted'): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', onAbort)
        this.#wake = null
        if (outcome === 'rung') this.#rung = false
        resolve(outcome)
      }
      const onAbort = (): void => settle('aborted')
      const timer = setTimeout(() => settle('timeout'), Math.max(0, ms))
      if (signal.aborted) return settle('aborted')
      if (this.#rung) return settle('rung')
      signal.addEventListener('abort', onAbort)
      this.#wake = () => settle('rung')
    })
  }
}
