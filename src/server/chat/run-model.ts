import { convertToModelMessages, streamText } from 'ai'
import type { LanguageModel, UIMessage, UIMessageChunk } from 'ai'
import type { Ending } from '../../protocol/chunk.ts'
import type { ModelSettings } from '../models/model-info.ts'
import type { LogWriter } from '../producers/log-writer.ts'
import { describeModelError } from './model-error.ts'
import { encodeChunk } from './last-chunks.ts'

export interface RunRequest {
  readonly model: LanguageModel
  readonly messages: UIMessage[]
  readonly settings: ModelSettings
  /** What no error of the model may repeat. */
  readonly secrets: readonly string[]
  /** Id of the answer. */
  readonly messageId: string
}

const FAILED: Ending = { kind: 'error', code: 'upstream-error' }

/**
 * Runs a model into a log until it ends, one way or another; never throws. The log's signal aborts the call at once: what the model does with that is its
 * own affair, whoever aborted has ended the log.
 */
export async function runModel(request: RunRequest, log: LogWriter): Promise<void> {
  const stop = log.signal
  let failure: string | null = null
  let isFinished = false
  try {
    const chunks = (await streamChunks(request, stop)).getReader()
    // What is being read is then done.
    const leave = (): void => void chunks.cancel().catch(() => undefined)
    if (stop.aborted) leave()
    stop.addEventListener('abort', leave, { once: true })
    for (;;) {
      const next = await chunks.read()
      if (next.done) break
      const chunk = next.value
      // Whoever aborted says so in the log.
      if (chunk.type === 'abort') break
      if (chunk.type === 'error') {
        failure = chunk.errorText
        break
      }
      if (chunk.type === 'finish') isFinished = true
      // What goes wrong aborts the signal.
      log.write(encodeChunk(chunk)).catch(() => undefined)
      await log.room()
    }
  } catch (error) {
    failure = describeModelError(error, request.secrets)
  }
  if (stop.aborted) return
  if (failure === null && isFinished) return log.end({ kind: 'done' })
  return log.end(FAILED, failure ?? 'The model broke off without finishing its answer.')
}

async function streamChunks(request: RunRequest, stop: AbortSignal): Promise<ReadableStream<UIMessageChunk>> {
  const { settings, messages } = request
  const result = streamText({
    ...settings,
    model: request.model,
    messages: await convertToModelMessages(messages, {
      ignoreIncompleteToolCalls: true,
      ...(settings.tools !== undefined && { tools: settings.tools }),
    }),
    abortSignal: stop,
    // It reaches the run as a chunk; the default would print it, with whatever it contains.
    onError: () => {},
  })
  const chunks = result.toUIMessageStream({
    originalMessages: messages,
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
