import { networkError } from './failures.ts'
import { silenceError, SilenceWatch, type Delay, type SilenceLimit } from './silence.ts'

/** How much silence of a body is a lost connection, and the time to count it in. `limit: null`: none is. */
export interface BodyPatience {
  limit: SilenceLimit | null
  delay: Delay
}

/**
 * The bytes of a response as the network brings them, one read at a time, so that back-pressure reaches the socket.
 * Leaving the loop closes it. Throws `network` (also where it was silent for too long), or `aborted` where the signal did it.
 */
export async function* readBody(
  response: Response,
  url: string,
  signal: AbortSignal,
  { limit, delay }: BodyPatience,
): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader()
  if (reader === undefined) return
  // Not awaited: a cancel may wait for a pull that never comes back.
  const close = (): void => void reader.cancel().catch(() => undefined)
  let lost = false
  const onLost = (): void => {
    lost = true
    // Ends the read that waits.
    close()
  }
  const watch = limit === null ? null : new SilenceWatch(limit, delay, onLost)
  // Of the signal itself a body hears by a way of the browser's own: a stop must not depend on it.
  signal.addEventListener('abort', close, { once: true })
  try {
    while (!signal.aborted) {
      watch?.listen()
      const { done, value } = await reader.read().catch((thrown: unknown) => {
        throw networkError(thrown, url, signal)
      })
      watch?.heard()
      if (lost) throw silenceError(url)
      // Closed here, it only looks like an end.
      if (signal.aborted) break
      if (done) return
      if (value.length > 0) yield value
    }
    throw networkError(signal.reason, url, signal)
  } finally {
    watch?.stop()
    signal.removeEventListener('abort', close)
    close()
  }
}
