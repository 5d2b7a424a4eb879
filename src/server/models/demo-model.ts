import { setTimeout as delay } from 'node:timers/promises'
import type { LanguageModel } from 'ai'
import { demoAnswer } from './demo-text.ts'
import type { OfferedModel } from './model-info.ts'

type Model = Extract<LanguageModel, { specificationVersion: 'v3' }>
type CallOptions = Parameters<Model['doStream']>[0]
type StreamResult = Awaited<ReturnType<Model['doStream']>>
type StreamPart = StreamResult['stream'] extends ReadableStream<infer Part> ? Part : never

export interface DemoModelOptions {
  /** Milliseconds between two tokens. */
  delayMs: number
}

/** A model for when there is none: deterministic, at a human pace, with everything a real answer has. */
export function createDemoModel(options: DemoModelOptions): OfferedModel {
  const stream = (call: CallOptions): ReadableStream<StreamPart> => {
    const parts = speak(promptOf(call), options.delayMs, call.abortSignal)
    return new ReadableStream<StreamPart>({
      async pull(controller) {
        try {
          const next = await parts.next()
          if (next.done === true) controller.close()
          else controller.enqueue(next.value)
        } catch (error) {
          controller.error(error)
        }
      },
      async cancel() {
        await parts.return(undefined)
      },
    })
  }
  const model: Model = {
    specificationVersion: 'v3',
    provider: 'demo',
    modelId: 'demo',
    supportedUrls: {},
    doStream: (call) => Promise.resolve({ stream: stream(call) }),
    doGenerate: () => Promise.reject(new Error('The demo model only streams.')),
  }
  return { info: { id: 'demo', provider: 'demo', label: 'Demo (no model configured)', demo: true }, model }
}

async function* speak(
  prompt: string,
  delayMs: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<StreamPart, void, undefined> {
  const pause = async (): Promise<void> => {
    signal?.throwIfAborted()
    if (delayMs > 0) await delay(delayMs, undefined, signal === undefined ? {} : { signal })
  }
  const answer = demoAnswer(prompt)
  yield { type: 'stream-start', warnings: [] }
  yield { type: 'reasoning-start', id: 'reasoning-1' }
  for (const delta of tokens(answer.reasoning)) {
    await pause()
    yield { type: 'reasoning-delta', id: 'reasoning-1', delta }
  }
  yield { type: 'reasoning-end', id: 'reasoning-1' }
  yield { type: 'text-start', id: 'text-1' }
  let written = 0
  for (const delta of tokens(answer.text)) {
    await pause()
    if (answer.failsAt !== null && written >= answer.failsAt) {
      yield { type: 'error', error: new Error('The demo model failed, as it was asked to.') }
      return
    }
    yield { type: 'text-delta', id: 'text-1', delta }
    written += delta.length
  }
  yield { type: 'text-end', id: 'text-1' }
  yield { type: 'finish', finishReason: { unified: 'stop', raw: 'stop' }, usage: usageOf(prompt, answer) }
}

// A word and the space after it, long ones in pieces: about what a tokenizer makes of English.
function tokens(text: string): string[] {
  return text.match(/\s*\S{1,7}/gu)?.concat(text.match(/\s+$/u) ?? []) ?? []
}

function promptOf(call: CallOptions): string {
  const last = call.prompt.findLast((message) => message.role === 'user')
  if (last?.role !== 'user') return ''
  return last.content.map((part) => (part.type === 'text' ? part.text : '')).join(' ')
}

function usageOf(
  prompt: string,
  answer: { reasoning: string; text: string },
): Extract<StreamPart, { type: 'finish' }>['usage'] {
  const [input, reasoning, text] = [prompt, answer.reasoning, answer.text].map((part) => tokens(part).length) as [
    number,
    number,
    number,
  ]
  return {
    inputTokens: { total: input, noCache: input, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: reasoning + text, text, reasoning },
  }
}
