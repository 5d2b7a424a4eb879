/** Longest wait where no frame comes (a hidden page draws none): title and announcements still follow. Milliseconds. */
const HIDDEN_MS = 500

/** Makes a function that calls `act` at most once per frame, however often it is called. */
export function onFrame(act: () => void): () => void {
  let waiting = false
  return () => {
    if (waiting) return
    waiting = true
    const run = (): void => {
      if (!waiting) return
      waiting = false
      cancelAnimationFrame(frame)
      clearTimeout(timer)
      act()
    }
    const frame = requestAnimationFrame(run)
    const timer = setTimeout(run, HIDDEN_MS)
  }
}
