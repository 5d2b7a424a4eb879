import type { Locks } from './locks.ts'

/**
 * Locks for a page that has none (`navigator.locks` is missing in insecure contexts): exclusive ones among whoever shares this object, and
 * nobody else. A shared request, by which one waits for another agent's death, is never granted: the only agent is this page.
 */
export function createSoloLocks(): Locks {
  const tails = new Map<string, Promise<unknown>>()
  /** Exclusive requests that hold or wait, by name. */
  const taken = new Map<string, number>()
  const request = (
    name: string,
    options: LockOptions,
    held: (lock: Lock | null) => Promise<unknown>,
  ): Promise<unknown> => {
    const { signal, mode = 'exclusive', ifAvailable = false } = options
    if (ifAvailable && (taken.get(name) ?? 0) > 0) return Promise.resolve().then(() => held(null))
    const turn = mode === 'shared' ? new Promise<never>(() => undefined) : (tails.get(name) ?? Promise.resolve())
    const aborted = new Promise<never>((_, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    })
    const granted = Promise.race([turn, aborted])
    const done = granted.then(() => held({ name, mode }))
    if (mode === 'exclusive') {
      // Whoever comes next waits for this one's turn and hold, also when this one gave up waiting.
      taken.set(name, (taken.get(name) ?? 0) + 1)
      tails.set(
        name,
        Promise.allSettled([turn, done]).then(() => {
          const left = (taken.get(name) ?? 1) - 1
          taken.set(name, left)
          if (left > 0) return
          taken.delete(name)
          tails.delete(name)
        }),
      )
    }
    return done
  }
  return { request: request as Locks['request'] }
}

/** The locks of this page where it has none: the hub in the page, and what produces streams for it, share them. */
export const soloLocks = createSoloLocks()
