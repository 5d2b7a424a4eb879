import type { SteppedClock } from '../unit/hub/world.ts'

/**
 * Pages wait by `setTimeout`: for as long as a walk lasts, that is the walk's own clock. Answers with the way back. Waits of no time at all remain tasks
 * of the event loop.
 */
export function stepTimers(clock: SteppedClock): () => void {
  const original = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout }
  const stepped = (run: () => void, ms = 0): AbortController => {
    const cleared = new AbortController()
    const fire = (): void => {
      if (!cleared.signal.aborted) run()
    }
    if (ms > 0) void clock.delay(ms, cleared.signal).then(fire)
    else setImmediate(fire)
    return cleared
  }
  Object.assign(globalThis, {
    setTimeout: stepped,
    clearTimeout: (timer: unknown) => {
      if (timer instanceof AbortController) timer.abort()
      else original.clearTimeout(timer as Parameters<typeof clearTimeout>[0])
    },
  })
  return () => void Object.assign(globalThis, original)
}
