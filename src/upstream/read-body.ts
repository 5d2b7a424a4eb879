import { networkError } from './failures.ts'

/**
 * The bytes of a response as the network brings them, one read at a time, so that back-pressure reaches the socket.
 * Leaving the loop closes it. Throws `network`, or `aborted` where the signal did it.
 */
export async function* readBody(response: Response, url: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader()
  if (reader === undefined) return
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((thrown: unknown) => {
        throw networkError(thrown, url, signal)
      })
      if (done) return
      if (value.length > 0) yield value
    }
  } finally {
    // Not awaited: a cancel may wait for a pull that never comes back.
    reader.cancel().catch(() => undefined)
  }
}
