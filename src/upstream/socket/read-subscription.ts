import { DurableBodyReader, durableMode } from '../durable-response.ts'
import type { Progress } from '../progress.ts'
import { mediaType } from '../read-head.ts'
import type { UpstreamFrame } from '../upstream.ts'
import type { DataFrame } from './subscription.ts'

async function* once<T>(value: T): AsyncGenerator<T> {
  yield value
}

/** What stands at the end of a model's run where it is read as events (PROTOCOL.md 4.3). */
const RUN_END = '[DONE]'

/**
 * Reads a subscription to the end of its stream: each frame is a page, as a GET would bring it. A model's run becomes the chunks that it is as
 * events, so that a log is the same whichever way it came.
 */
export async function* readSubscription(
  frames: AsyncIterable<DataFrame>,
  { contentType, isRun }: { contentType: string; isRun: boolean },
  progress: Progress,
  now: () => number,
): AsyncGenerator<UpstreamFrame> {
  const reader = new DurableBodyReader(durableMode(mediaType(contentType) ?? ''), progress, now, isRun ? RUN_END : null)
  for await (const { header, payload } of frames) {
    const { next, upToDate = false, ending = null } = header
    if (yield* reader.read(once(payload), { offset: next, cursor: null, upToDate, ending })) return
  }
}
