import { HeadwaterError } from '../protocol/errors.ts'

/** The one method of `navigator.locks` that is needed: the real one in browsers, a fake one in Node's tests. */
export type Locks = Pick<LockManager, 'request'>

/** A lock that is held until `release()`, or until somebody steals it. */
export interface HeldLock {
  readonly name: string
  /** Aborts when the lock was stolen; what it guarded must no longer be touched. It does not abort on `release()`. */
  readonly lost: AbortSignal
  /** Gives the lock to whoever is next. Harmless when called again, or after the lock was lost. */
  release(): void
}

function refused(name: string, cause: unknown, signal?: AbortSignal): HeadwaterError {
  if (signal?.aborted)
    return new HeadwaterError('aborted', `Waiting for the lock "${name}" was aborted.`, name, { cause })
  const why = cause instanceof Error ? cause.message : String(cause)
  return new HeadwaterError('closed', `The browser gives no lock "${name}" here: ${why}`, name, { cause })
}

function hold(locks: Locks, name: string, options: LockOptions): Promise<HeldLock | null> {
  return new Promise((resolve, reject) => {
    const lost = new AbortController()
    let granted = false
    locks
      .request(name, options, (lock) => {
        if (lock === null) {
          resolve(null)
          return
        }
        // The grant may have been on its way when the signal aborted; its caller no longer expects a lock.
        options.signal?.throwIfAborted()
        granted = true
        return new Promise<void>((release) => {
          resolve({ name, lost: lost.signal, release })
        })
      })
      .catch((cause: unknown) => {
        // Once granted, the request fails only because another agent has stolen the lock.
        if (granted) lost.abort(new HeadwaterError('aborted', `The lock "${name}" was stolen.`, name))
        else reject(refused(name, cause, options.signal))
      })
  })
}

/**
 * Waits in line for an exclusive lock. With `steal` it is taken at once from whoever holds it, whose `lost` aborts; the signal is then
 * looked at only before.
 * @throws {HeadwaterError} `aborted` when the signal aborts first; `closed` where the browser gives no locks (opaque origin, inactive page)
 */
export async function acquireLock(
  locks: Locks,
  name: string,
  options: { signal?: AbortSignal; steal?: boolean } = {},
): Promise<HeldLock> {
  const { signal, steal = false } = options
  if (signal?.aborted) throw refused(name, signal.reason, signal)
  // A signal together with `steal` is refused by the specification: https://w3c.github.io/web-locks/#api-lock-manager-request
  const held = await hold(locks, name, steal ? { steal } : signal ? { signal } : {})
  if (held === null) throw refused(name, 'it was not granted')
  return held
}

/**
 * Takes an exclusive lock if nobody holds it or waits for it, `null` else.
 * @throws {HeadwaterError} `closed` as {@link acquireLock}
 */
export function tryAcquireLock(locks: Locks, name: string): Promise<HeldLock | null> {
  return hold(locks, name, { ifAvailable: true })
}

/**
 * Holds a lock together with any number of others until the signal aborts; waits for it while somebody has it alone. Resolves when it is
 * over, also where the browser gives no locks.
 */
export async function shareLock(locks: Locks, name: string, signal: AbortSignal): Promise<void> {
  const over = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  if (signal.aborted) return
  await locks
    .request(name, { mode: 'shared', signal }, () => (signal.aborted ? undefined : over))
    .catch(() => undefined)
}

/**
 * Resolves once the holder of an exclusive lock is gone: released, closed, crashed or killed. Asks in shared mode, so that any number can
 * wait, and lets go at once.
 * @throws {HeadwaterError} `aborted` when the signal aborts first; `closed` as {@link acquireLock}
 */
export async function whenFree(locks: Locks, name: string, signal: AbortSignal): Promise<void> {
  if (signal.aborted) throw refused(name, signal.reason, signal)
  try {
    await locks.request(name, { mode: 'shared', signal }, () => undefined)
  } catch (cause) {
    throw refused(name, cause, signal)
  }
}
