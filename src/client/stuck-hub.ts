/** How often a hub is asked whether it is there, and how often this page looks at its own clock. */
const TICK_MS = 1_000
/** A hub that can run at all answers in milliseconds, under the worst load that was seen in a second. Waking time of this page. */
const DEADLINE_MS = 6_000

/**
 * Rule 14: resolves once the hub left a ping unanswered for {@link DEADLINE_MS} in which this page was visible and its own timers ran. Never
 * resolves once the signal has aborted.
 */
export function whenStuck(ping: () => Promise<unknown>, visible: () => boolean, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    // The hub may have gone before this was loaded.
    if (signal.aborted) return
    let asked = false
    let silentMs = 0
    let last = Date.now()
    const tick = (): void => {
      const now = Date.now()
      // Suspended, frozen or busy: while this page slept the hub may have slept too, or its answer may lie unread.
      const slept = Math.abs(now - last) > 2 * TICK_MS
      last = now
      if (!visible() || slept) silentMs = 0
      else if (asked) silentMs += TICK_MS
      if (silentMs >= DEADLINE_MS) {
        clearInterval(timer)
        return resolve()
      }
      if (asked || !visible()) return
      asked = true
      silentMs = 0
      const answered = (): void => void (asked = false)
      // A refusal is an answer.
      ping().then(answered, answered)
    }
    const timer = setInterval(tick, TICK_MS)
    signal.addEventListener('abort', () => clearInterval(timer), { once: true })
  })
}
