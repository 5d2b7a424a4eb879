import type { IncomingMessage, ServerResponse } from 'node:http'
import { FAULT_PATH } from '../faults/fault-points.ts'
import type { FaultAnswer, FaultPoint } from '../faults/fault-points.ts'
import { until } from './poll.ts'

/** The test's end of the fault points: holds the next hub that comes to the one that is armed, until it is let go or dies. */
export class FaultBoard {
  #armed: FaultPoint | null = null
  readonly #reached = new Map<string, number>()
  #held: { point: FaultPoint; response: ServerResponse; gone: boolean } | null = null

  /** The next hub that comes to this point is held there. One, and once. */
  arm(point: FaultPoint): void {
    this.#armed = point
    this.#held = null
  }

  /** Resolves once a hub is held. */
  async held(): Promise<void> {
    await until(`a hub at "${this.#armed ?? 'no point: arm one first'}"`, () => this.#held)
  }

  /** How often hubs came to a point, held or not. */
  reached(point: FaultPoint): number {
    return this.#reached.get(point) ?? 0
  }

  /** Whether a hub is held now. One that died is not. */
  get holds(): boolean {
    return this.#held?.gone === false
  }

  /** Lets the hub that is held go on, or tells it to die where it is. Nobody is held from now on. */
  release(answer: FaultAnswer = 'go'): void {
    this.#armed = null
    this.#held?.response.end(answer)
    this.#held = null
  }

  /** Whether this request is a hub's at a point. */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    if (!pathname.startsWith(FAULT_PATH)) return false
    response.writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'no-store' })
    const point = pathname.slice(FAULT_PATH.length)
    this.#reached.set(point, (this.#reached.get(point) ?? 0) + 1)
    if (point !== this.#armed || this.#held !== null) {
      response.end('go' satisfies FaultAnswer)
      return true
    }
    const held = { point: this.#armed, response, gone: false }
    this.#held = held
    response.flushHeaders()
    response.on('close', () => (held.gone = true))
    return true
  }
}
