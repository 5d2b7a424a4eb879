/** The one end of a server, which all its live readers wait for. */
export class Shutdown {
  readonly #listeners = new Set<() => void>()
  #state: 'open' | 'draining' | 'over' = 'open'

  /** Whether requests are still taken. */
  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** Takes no more requests; those under way go on. */
  drain(): void {
    if (this.#state === 'open') this.#state = 'draining'
  }

  get isOver(): boolean {
    return this.#state === 'over'
  }

  begin(): void {
    if (this.isOver) return
    this.#state = 'over'
    for (const listener of [...this.#listeners]) listener()
    this.#listeners.clear()
  }

  /** Calls `listener` at the end, at once where that is past. Returns the way to leave. */
  watch(listener: () => void): () => void {
    if (this.isOver) listener()
    else this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

/** How long one response lives: until its client goes, the server closes, or it is done. */
export interface Lifetime {
  readonly signal: AbortSignal
  /** Ends it, and lets go of what it waited for. May be called twice. */
  end(): void
}

/**
 * A lifetime for one request. By hand, because in Node 20 and 22 `AbortSignal.any` leaves a weak reference behind on its longest-living source for
 * every call (https://github.com/nodejs/node/issues/55351), and more than ten listeners on one signal make it warn.
 */
export function startLifetime(client: AbortSignal, shutdown: Shutdown): Lifetime {
  const controller = new AbortController()
  const end = (): void => {
    client.removeEventListener('abort', end)
    leave()
    controller.abort()
  }
  let leave = (): void => {}
  if (client.aborted) controller.abort()
  else {
    client.addEventListener('abort', end)
    leave = shutdown.watch(() => controller.abort())
  }
  return { signal: controller.signal, end }
}
