/**
 * A `fetch` for the AI SDK's own transports against `/v1/chat`: the SDK's stop button cancels the run. Closing an answer leaves the run going, as it must for a reload
 * or a second device; the SDK's `stop()` aborts the request, and only that is taken for a wish: the run's cancel address, from the answer's `Link`, is called then.
 *
 * A stop before the head of the answer came cancels by the chat's address, without knowing the run.
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
    const response = await fetcher(input, init)
    const cancel = /<([^>]*)>\s*;\s*rel="?cancel"?/.exec(response.headers.get('link') ?? '')?.[1]
    if (signal == null || cancel === undefined || response.body === null) return response
    const address = new URL(cancel, response.url === '' ? undefined : response.url)
    const { headers, credentials } = init ?? {}
    const onAbort = (): void => {
      const request = {
        method: 'POST',
        keepalive: true,
        ...(headers && { headers }),
        ...(credentials && { credentials }),
      }
      // Who stops has left already: there is nobody to tell that it failed.
      void fetcher(address, request).catch(() => undefined)
    }
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    // A run that has ended needs no cancel.
    const rest = response.body.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({ flush: () => signal.removeEventListener('abort', onAbort) }),
    )
    return new Response(rest, response)
  }
}
