import { HeadwaterError } from '../protocol/errors.ts'

/**
 * A part of the library that pages fetch only once they need it.
 * @throws {HeadwaterError} `reload-needed` where it does not come: the release that this page is of is gone, or the network is
 */
export async function loadPart<T>(part: Promise<T>): Promise<T> {
  try {
    return await part
  } catch (cause) {
    throw new HeadwaterError(
      'reload-needed',
      'A part of the page could not be loaded. What is stored is safe. Reload the page.',
      undefined,
      { cause },
    )
  }
}

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
