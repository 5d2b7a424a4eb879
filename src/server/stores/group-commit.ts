/** Runs functions inside one transaction; it throws, with nothing changed, where they throw or the commit fails. */
export type Transact = (work: () => void) => void

interface Waiting {
  /** Does the work, and answers with what tells its caller once the transaction is committed. */
  readonly run: () => () => void
  readonly reject: (error: unknown) => void
}

/**
 * Gathers what is written within one turn of the event loop into one transaction, in order of the calls. Either all of a transaction is
 * committed or nothing is; then each of its calls is tried in a transaction of its own, so that one that cannot succeed (it meets a damaged
 * record) takes no other with it.
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
    if (group.length > 0) this.#commit(group)
  }

  #commit(group: readonly Waiting[]): void {
    const answers: (() => void)[] = []
    try {
      this.#transact(() => {
        for (const { run } of group) answers.push(run())
      })
    } catch (error) {
      const [first, ...others] = group
      if (others.length === 0) first?.reject(error)
      else for (const each of group) this.#commit([each])
      return
    }
    for (const answer of answers) answer()
  }
}
