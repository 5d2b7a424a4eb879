import { HeadwaterError } from '../protocol/errors.ts'

/** A script that is gone with its release and one that the network keeps back look the same from here. */
export const notLoaded = (cause?: unknown): HeadwaterError =>
  new HeadwaterError(
    'reload-needed',
    'A script of this page could not be loaded: its release may be gone. What is stored is safe. Reload the page.',
    undefined,
    { cause },
  )

/**
 * A part of the library that pages fetch only once they need it. Asked for three times, after one second and after four more; browsers that remember
 * how an `import()` failed (Firefox 153 does, Chromium 156 does not) fail each time.
 * @throws {HeadwaterError} `reload-needed` where it does not come
 */
export const loadPart = <T>(load: () => Promise<T>, pauseMs = 1_000): Promise<T> =>
  load().catch(async (cause: unknown) => {
    if (pauseMs > 4_000) throw notLoaded(cause)
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
    return loadPart(load, pauseMs * 4)
  })

/** A subscription to a part that may still be under way. Answers with the way to stop, at once. */
export function subscribeLate<T>(part: Promise<T>, subscribe: (part: T) => () => void): () => void {
  let isOff = false
  let off: (() => void) | null = null
  void part.then((loaded) => {
    if (!isOff) off = subscribe(loaded)
  })
  return () => {
    isOff = true
    off?.()
  }
}
