/**
 * What `work` brings, or rejects with the signal's reason once it aborts. A race with a promise that stays pending would keep a reaction at it for every
 * call until it settles, which may be days; of this nothing stays behind.
 */
export function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
