/**
 * A `fetch` for the AI SDK's own transports against `/v1/chat`: the SDK's stop button cancels the run. Closing an answer leaves the run going, as it must for a reload
 * or a second device; the SDK's `stop()` aborts the request, and only that is taken for a wish: the run's cancel address, from the answer's `Link`, is called then.
 *
 * A stop before the head of the answer came cancels the run as soon as that names its address; until then the request goes on unseen.
 *
 * @example
 * ```ts
 * const transport = new DefaultChatTransport({ api: '/v1/chat', fetch: cancelOnAbort() })
 * ```
 * @param fetcher what requests are sent with. Default: the platform's `fetch`
 */
export function cancelOnAbort(fetcher: typeof fetch = (input, init) => fetch(input, init)): typeof fetch {
  return async (input, init) => {
    const signal = init?.signal
    if (signal == null) return fetcher(input, init)
    signal.throwIfAborted()
    const connection = new AbortController()
    const cancel = (response: Response): void => {
      const address = cancelAddress(response)
      const { headers, credentials } = init ?? {}
      const request = {
        method: 'POST',
        keepalive: true,
        ...(headers && { headers }),
        ...(credentials && { credentials }),
      }
      // Who stops has left already: there is nobody to tell that it failed.
      if (address !== null) void fetcher(address, request).catch(() => undefined)
      connection.abort(signal.reason)
    }
    const answering = fetcher(input, { ...init, signal: connection.signal })
    let onAbort = (): void => undefined
    const stopped = new Promise<never>((_, reject) => {
      onAbort = () => {
        reject(signal.reason as Error)
        answering.then(cancel, () => undefined)
      }
    })
    signal.addEventListener('abort', onAbort, { once: true })
    const response = await Promise.race([answering, stopped])
    if (response.body === null) return response
    // A run that has ended needs no cancel.
    const rest = response.body.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({ flush: () => signal.removeEventListener('abort', onAbort) }),
    )
    return new Response(rest, response)
  }
}

/** Where the run of an answer is cancelled; `null` where it does not say. */
function cancelAddress(response: Response): URL | null {
  const address = /<([^>]*)>\s*;\s*rel="?cancel"?/.exec(response.headers.get('link') ?? '')?.[1]
  return address === undefined ? null : new URL(address, response.url === '' ? undefined : response.url)
}
