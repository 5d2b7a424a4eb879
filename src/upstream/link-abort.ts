/** An abort of its own that also follows another signal, until it is unlinked: a signal that lives long must not collect listeners. */
export function linkAbort(signal: AbortSignal): { signal: AbortSignal; abort: () => void; unlink: () => void } {
  const own = new AbortController()
  const abort = (): void => own.abort()
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  return { signal: own.signal, abort, unlink: () => signal.removeEventListener('abort', abort) }
}
