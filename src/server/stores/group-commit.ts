/** Runs functions inside one transaction; it throws, with nothing changed, where they throw or the commit fails. */
export type Transact = (work: () => void) => void

interface Waiting {
  /** Does the work, and answers with what tells its caller once the transaction is committed. */
  readonly run: () => () => void
  readonly reject: (error: unknown) => void
}

/**
 * Gathers what is written within one turn of the event loop into one transaction, in order of the calls. Either all of a transaction is
 * committed or nothing is, and then all of its callers are told.
 */
export class GroupCommit {
  readonly #transact: Transact
  #waiting: Waiting[] = []

  constructor(transact: Transact) {
    this.#transact = transact
  }

  write<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      // After the events of this turn: appends that arrive together are committed together.
      if (this.#waiting.length === 0) setImmediate(() => this.flush())
      const run = (): (() => void) => {
        const result = work()
        return () => resolve(result)
      }
      this.#waiting.push({ run, reject })
    })
  }

  /** Commits what waits, now. */
  flush(): void {
    const group = this.#waiting.splice(0)
    if (group.length === 0) return
    const answers: (() => void)[] = []
    try {
      this.#transact(() => {
        for (const { run } of group) answers.push(run())
      })
    } catch (error) {
      for (const { reject } of group) reject(error)
      return
    }
    for (const answer of answers) answer()
  }
}
