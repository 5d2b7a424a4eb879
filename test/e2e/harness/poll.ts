import { setTimeout as delay } from 'node:timers/promises'

/** Between looks, in milliseconds: short against what is waited for, long against what a look costs. */
const LOOK_AGAIN_MS = 25

/** Waits until `look` gives something other than `null`, and says what it waited for when it gives up. */
export async function until<T>(what: string, look: () => Promise<T | null> | T | null, timeoutMs = 20_000): Promise<T> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const found = await look()
    if (found !== null) return found
    if (Date.now() > deadline) throw new Error(`Gave up after ${timeoutMs / 1000} s waiting for ${what}.`)
    await delay(LOOK_AGAIN_MS)
  }
}
