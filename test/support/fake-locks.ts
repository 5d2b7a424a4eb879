interface Request {
  agent: string
  name: string
  mode: LockMode
  /** Calls the callback and settles the promise of `request`. */
  grant(): void
  /** The lock was stolen. */
  rob(): void
  signal: AbortSignal | undefined
  onAbort: (() => void) | undefined
}

/**
 * A small in-memory LockManager for several simulated agents (tabs, hubs) in one thread: exclusive and shared, first come first served,
 * `steal`, `ifAvailable`, `signal`. `kill` is the sudden death of an agent: its locks are free, its waiting requests are gone, and its promises
 * never settle, as nobody is there to see them.
 */
export class FakeLocks {
  readonly #held = new Map<string, Request[]>()
  readonly #waiting = new Map<string, Request[]>()
  readonly #dead = new Set<string>()

  /** The locks as one agent sees them. */
  agent(tag: string): Pick<LockManager, 'request' | 'query'> {
    return {
      query: () => Promise.resolve({ held: this.#infos(this.#held), pending: this.#infos(this.#waiting) }),
      request: (async (
        name: string,
        ...rest: [LockGrantedCallback<unknown>] | [LockOptions, LockGrantedCallback<unknown>]
      ) => {
        const [options, callback] = rest.length === 1 ? [{}, rest[0]] : rest
        return this.#request(tag, name, options, callback)
      }) as LockManager['request'],
    }
  }

  kill(tag: string): void {
    this.#dead.add(tag)
    for (const lists of [this.#waiting, this.#held]) {
      for (const [name, list] of lists) {
        for (const request of list) {
          if (request.agent === tag && request.onAbort) request.signal?.removeEventListener('abort', request.onAbort)
        }
        lists.set(
          name,
          list.filter((request) => request.agent !== tag),
        )
      }
    }
    for (const name of new Set([...this.#waiting.keys(), ...this.#held.keys()])) this.#serve(name)
  }

  #infos(lists: Map<string, Request[]>): LockInfo[] {
    return [...lists.values()].flat().map(({ agent, name, mode }) => ({ clientId: agent, name, mode }))
  }

  /** Tags of the agents that hold a lock now. */
  holders(name: string): string[] {
    return (this.#held.get(name) ?? []).map((request) => request.agent)
  }

  /** Tags of the agents that wait for a lock now, in order. */
  waiters(name: string): string[] {
    return (this.#waiting.get(name) ?? []).map((request) => request.agent)
  }

  /** Everything that is held or waited for now, as `<agent> holds <name>` and `<agent> waits for <name>`. */
  get inUse(): string[] {
    const list = (requests: Map<string, Request[]>, does: string): string[] =>
      [...requests].flatMap(([name, all]) => all.map(({ agent }) => `${agent} ${does} ${name}`))
    return [...list(this.#held, 'holds'), ...list(this.#waiting, 'waits for')]
  }

  #request(
    agent: string,
    name: string,
    options: LockOptions,
    callback: LockGrantedCallback<unknown>,
  ): Promise<unknown> {
    const { mode = 'exclusive', signal, steal = false, ifAvailable = false } = options
    if (signal && (steal || ifAvailable))
      throw new DOMException('signal with steal or ifAvailable', 'NotSupportedError')
    signal?.throwIfAborted()
    return new Promise((resolve, reject) => {
      if (this.#dead.has(agent)) return
      let robbed = false
      const request: Request = {
        agent,
        name,
        mode,
        signal,
        onAbort: undefined,
        grant: () => {
          // Callbacks run in a task of their own, never inside `request`.
          queueMicrotask(() => {
            if (this.#dead.has(agent)) return
            void (async () => callback({ name, mode }))().then(
              (value) => {
                if (robbed || this.#dead.has(agent)) return
                this.#drop(this.#held, request)
                resolve(value)
              },
              (error: unknown) => {
                if (robbed || this.#dead.has(agent)) return
                this.#drop(this.#held, request)
                reject(error as Error)
              },
            )
          })
        },
        rob: () => {
          robbed = true
          reject(new DOMException('The lock was stolen', 'AbortError'))
        },
      }
      if (steal) {
        const victims = this.#held.get(name) ?? []
        this.#held.set(name, [request])
        for (const victim of victims) victim.rob()
        request.grant()
        return
      }
      if (ifAvailable && !this.#grantable(request, this.#waiting.get(name) ?? [])) {
        queueMicrotask(() => {
          void (async () => callback(null))().then(resolve, reject)
        })
        return
      }
      request.onAbort = () => {
        this.#drop(this.#waiting, request)
        reject(signal?.reason as Error)
      }
      signal?.addEventListener('abort', request.onAbort, { once: true })
      this.#waiting.set(name, [...(this.#waiting.get(name) ?? []), request])
      this.#serve(name)
    })
  }

  #grantable(request: Request, before: readonly Request[]): boolean {
    const held = this.#held.get(request.name) ?? []
    const compatible = (other: Request): boolean => request.mode === 'shared' && other.mode === 'shared'
    return before.length === 0 && held.every(compatible)
  }

  #drop(lists: Map<string, Request[]>, request: Request): void {
    const list = lists.get(request.name) ?? []
    lists.set(
      request.name,
      list.filter((other) => other !== request),
    )
    this.#serve(request.name)
  }

  #serve(name: string): void {
    for (;;) {
      const [next, ...rest] = this.#waiting.get(name) ?? []
      if (next === undefined || !this.#grantable(next, [])) return
      this.#waiting.set(name, rest)
      this.#held.set(name, [...(this.#held.get(name) ?? []), next])
      if (next.onAbort) next.signal?.removeEventListener('abort', next.onAbort)
      next.grant()
    }
  }
}
