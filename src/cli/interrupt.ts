import type { Ending } from '../protocol/chunk.ts'
import { signalStatus, type Input } from './run-command.ts'

/** How a run ends that was interrupted. */
export function cancelled(signal: NodeJS.Signals): { ending: Ending; exitCode: number } {
  return { ending: { kind: 'cancelled' }, exitCode: signalStatus(signal) }
}

/**
 * What Ctrl-C (and a polite kill) means: the command ends, then the stream, as cancelled. A second one stops a command that does not listen,
 * and no longer waits for a server that is away; a third waits for nothing.
 */
export class Interrupt {
  signal: NodeJS.Signals | null = null
  #count = 0
  #input: Input | null = null
  readonly #isServerAway: () => boolean
  readonly #giveUp: () => void
  #resolveFirst: () => void = () => undefined
  #rejectGivenUp: (error: Error) => void = () => undefined
  #leaveInput: () => void = () => undefined
  /** Resolves with the first one. */
  readonly first = new Promise<void>((resolve) => (this.#resolveFirst = resolve))
  /** Resolves where there is an input whose end nobody has to wait for. */
  readonly inputLeft = new Promise<{ ending: Ending; exitCode: number }>((resolve) => {
    this.#leaveInput = () => resolve(cancelled(this.signal ?? 'SIGINT'))
  })
  /** Rejects once nothing is waited for any longer. */
  readonly givenUp = new Promise<never>((_, reject) => (this.#rejectGivenUp = reject))

  constructor(isServerAway: () => boolean, giveUp: () => void) {
    this.#isServerAway = isServerAway
    this.#giveUp = giveUp
    this.givenUp.catch(() => undefined)
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => this.#receive(name))
  }

  attach(input: Input): void {
    this.#input = input
  }

  #receive(name: NodeJS.Signals): void {
    this.#count++
    if (this.signal === null) {
      this.signal = name
      this.#resolveFirst()
      // A terminal sends Ctrl-C to the command as well; twice would make many programs drop everything.
      const hasItAlready = name === 'SIGINT' && process.stdin.isTTY
      if (!hasItAlready) this.#input?.signal(name)
      if (this.#input?.isStdin) this.#leaveInput()
      return
    }
    void this.#input?.kill()
    if (this.#count < 3 && !this.#isServerAway()) return
    this.#giveUp()
    this.#rejectGivenUp(new Error('given up'))
  }
}
