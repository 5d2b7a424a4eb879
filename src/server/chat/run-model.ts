import { convertToModelMessages, streamText } from 'ai'
import type { LanguageModel, UIMessage, UIMessageChunk } from 'ai'
import type { Ending } from '../../protocol/chunk.ts'
import { describeModelError } from './model-error.ts'
import type { RunLog } from './run-log.ts'
import { endingChunk } from './run-log.ts'

export interface RunRequest {
  readonly model: LanguageModel
  readonly messages: UIMessage[]
  /** What no error of the model may repeat. */
  readonly secrets: readonly string[]
  /** Id of the answer. */
  readonly messageId: string
}

/** Why a run is told to stop. */
export type StopReason = 'cancelled' | 'closing'

const CANCELLED: Ending = { kind: 'cancelled' }
const LOST: Ending = { kind: 'error', code: 'producer-lost' }
const FAILED: Ending = { kind: 'error', code: 'upstream-error' }

/**
 * Runs a model into a log until it ends, one way or another; never throws. `stop` aborts the call at once: what the model does with that is its
 * own affair, the run ends here and now.
 */
export async function runModel(request: RunRequest, log: RunLog, stop: AbortSignal): Promise<void> {
  const stopped = new Promise<'stopped'>((resolve) => {
    if (stop.aborted) resolve('stopped')
    stop.addEventListener('abort', () => resolve('stopped'), { once: true })
  })
  let failure: string | null = null
  let isFinished = false
  try {
    const chunks = (await streamChunks(request, stop)).getReader()
    for (;;) {
      const next = await Promise.race([chunks.read(), stopped])
      if (next === 'stopped') {
        void chunks.cancel().catch(() => {})
        break
      }
      if (next.done) break
      const chunk = next.value
      // Written by `endings` below, together with the ending.
      if (chunk.type === 'abort') break
      if (chunk.type === 'error') {
        failure = chunk.errorText
        break
      }
      if (chunk.type === 'finish') isFinished = true
      await log.write(chunk)
    }
  } catch (error) {
    failure = describeModelError(error, request.secrets)
  }
  if (stop.aborted) {
    const closing = stop.reason === ('closing' satisfies StopReason)
    return closing ? endLost(log) : endCancelled(log)
  }
  if (failure === null && isFinished) return log.end({ kind: 'done' }, [])
  const errorText = failure ?? 'The model broke off without finishing its answer.'
  return log.end(FAILED, [{ type: 'error', errorText }, endingChunk(FAILED)])
}

/** Ends a run that somebody cancelled. */
export function endCancelled(log: RunLog): Promise<void> {
  return log.end(CANCELLED, [{ type: 'abort' }, endingChunk(CANCELLED)])
}

/** Ends a run whose model can go on no more because its process stops, or has stopped. */
export function endLost(log: RunLog): Promise<void> {
  const errorText = 'The server was stopped while the model was answering. What it had said is kept.'
  return log.end(LOST, [{ type: 'error', errorText }, endingChunk(LOST)])
}

async function streamChunks(request: RunRequest, stop: AbortSignal): Promise<ReadableStream<UIMessageChunk>> {
  const result = streamText({
    model: request.model,
    messages: await convertToModelMessages(request.messages, { ignoreIncompleteToolCalls: true }),
    abortSignal: stop,
    // It reaches the run as a chunk; the default would print it, with whatever it contains.
    onError: () => {},
  })
  const chunks = result.toUIMessageStream({
    originalMessages: request.messages,
    generateMessageId: () => request.messageId,
    sendSources: true,
    onError: (error) => describeModelError(error, request.secrets),
    messageMetadata: ({ part }) => (part.type === 'finish' ? { usage: part.totalUsage } : undefined),
  })
  return chunks.pipeThrough(refuseSilentEnd(async () => (await result.rawFinishReason) !== undefined))
}

// Where a provider's stream ends without a word about why, the AI SDK says `finish` with the reason `other`. That is a connection that was
// cut, not an answer that is complete.
function refuseSilentEnd(saidWhy: () => Promise<boolean>): TransformStream<UIMessageChunk, UIMessageChunk> {
  return new TransformStream({
    async transform(chunk, controller) {
      const silent = chunk.type === 'finish' && (chunk.finishReason ?? 'other') === 'other' && !(await saidWhy())
      if (silent)
        controller.enqueue({ type: 'error', errorText: 'The connection to the model broke off in mid-answer.' })
      else controller.enqueue(chunk)
    },
  })
}
