import { acquireLock, whenFree, type HeldLock } from '../liveness/locks.ts'
import type { HeadwaterError } from '../protocol/errors.ts'
import { hubLock, LEADER_LOCK, ROB_LOCK } from '../protocol/names.ts'
import { notLoaded } from './load-part.ts'

/** What is used of `navigator.locks`. */
export type LeaderLocks = Pick<LockManager, 'request' | 'query'>

/** What is used of a dedicated worker. */
export type LeaderWorker = Pick<Worker, 'onerror' | 'onmessage' | 'terminate'>

/**
 * This page's place in the line for the leader tab. Whoever holds the lock runs the hub's worker, which dies with the page; then the next in
 * line leads.
 */
export class Leadership {
  readonly #locks: LeaderLocks
  readonly #makeWorker: () => LeaderWorker
  /** Ends this page's place in the line. `null` while it has none. */
  #place: AbortController | null = null
  #held: HeldLock | null = null
  #worker: LeaderWorker | null = null
  /** Called when this page leads and the hub's script cannot be loaded. */
  onfailed: ((error: HeadwaterError) => void) | null = null

  constructor(locks: LeaderLocks, makeWorker: () => LeaderWorker) {
    this.#locks = locks
    this.#makeWorker = makeWorker
  }

  get leads(): boolean {
    return this.#held !== null
  }

  /** Which agent leads now, by the browser's own name for it. */
  async leader(): Promise<string | undefined> {
    const { held = [] } = await this.#locks.query()
    return held.find(({ name }) => name === LEADER_LOCK)?.clientId
  }

  /** Gets in line, unless this page is there already. */
  join(): void {
    if (this.#place) return
    const place = new AbortController()
    this.#place = place
    acquireLock(this.#locks, LEADER_LOCK, { signal: place.signal }).then(
      (held) => this.#lead(held, place),
      () => {
        // It left the line. Where the browser gives no lock at all, the next attempt asks again.
        if (this.#place === place) this.#place = null
      },
    )
  }

  /** Out of the line; a hub that runs here ends, and the next in line leads. */
  leave(): void {
    this.#place?.abort()
    this.#place = null
    this.#worker?.terminate()
    this.#worker = null
    this.#held?.release()
    this.#held = null
  }

  /**
   * Rule 14: the hub did not answer this page in time, though `leader` led all the while. Takes its place, once however many tabs find the
   * same: who comes second finds another leader.
   */
  async rob(leader: string | undefined): Promise<void> {
    await this.#locks.request(ROB_LOCK, async () => {
      if (leader === undefined || (await this.leader()) !== leader) return
      // The worker that does not answer may be this page's own.
      const own = this.leads
      this.leave()
      if (own) return
      const place = new AbortController()
      this.#place = place
      this.#lead(await acquireLock(this.#locks, LEADER_LOCK, { steal: true }), place)
    })
  }

  #lead(held: HeldLock, place: AbortController): void {
    // Left the line while the lock was on its way.
    if (this.#place !== place) return held.release()
    this.#held = held
    // Robbed: the worker must not wake up to a world that went on without it.
    held.lost.addEventListener('abort', () => this.#held === held && this.leave())
    const worker = this.#makeWorker()
    this.#worker = worker
    worker.onmessage = ({ data: bootId }: MessageEvent<string>) => {
      // It ended alone: out of memory, or by its own close(). To the end of the line.
      const ended = (): void => {
        if (this.#worker !== worker) return
        this.leave()
        this.join()
      }
      whenFree(this.#locks, hubLock(bootId), place.signal).then(ended, () => undefined)
    }
    worker.onerror = (event) => {
      // Errors inside a running worker come with a message; they end nothing. A script that does not load is the bare event.
      if ('message' in event || this.#worker !== worker) return
      this.leave()
      this.onfailed?.(notLoaded())
    }
  }
}
