import type { Locks } from './locks.ts'

/**
 * Locks for a page that has none (`navigator.locks` is missing in insecure contexts): exclusive ones among whoever shares this object, and
 * nobody else. A shared request, by which one waits for another agent's death, is never granted: the only agent is this page.
 */
export function createSoloLocks(): Locks {
  const tails = new Map<string, Promise<unknown>>()
  const request = (name: string, options: LockOptions, held: (lock: Lock) => Promise<unknown>): Promise<unknown> => {
    const { signal, mode = 'exclusive' } = options
    const turn = mode === 'shared' ? new Promise<never>(() => undefined) : (tails.get(name) ?? Promise.resolve())
    const aborted = new Promise<never>((_, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    })
    const granted = Promise.race([turn, aborted])
    const done = granted.then(() => held({ name, mode }))
    if (mode === 'exclusive') {
      // Whoever comes next waits for this one's turn and hold, also when this one gave up waiting.
      tails.set(
        name,
        Promise.allSettled([turn, done]).then(() => undefined),
      )
    }
    return done
  }
  return { request: request as Locks['request'] }
}
