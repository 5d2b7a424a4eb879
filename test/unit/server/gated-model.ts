import type { LanguageModel } from 'ai'
import type { OfferedModel } from '../../../src/server/models/model-info.ts'

type Model = Extract<LanguageModel, { specificationVersion: 'v3' }>
type Part = Awaited<ReturnType<Model['doStream']>>['stream'] extends ReadableStream<infer Each> ? Each : never

/** A model that says what a test tells it to, and nothing else. */
export class GatedModel {
  readonly offered: OfferedModel
  /** Calls so far. */
  calls = 0
  /** Aborts when the last call was aborted. */
  signal: AbortSignal | undefined
  #controller: ReadableStreamDefaultController<Part> | undefined
  #onCall: () => void = () => {}
  readonly called = new Promise<void>((resolve) => {
    this.#onCall = resolve
  })

  constructor(id = 'gated') {
    const model: Model = {
      specificationVersion: 'v3',
      provider: 'test',
      modelId: id,
      supportedUrls: {},
      doGenerate: () => Promise.reject(new Error('not used')),
      doStream: ({ abortSignal }) => {
        this.calls += 1
        this.signal = abortSignal
        const stream = new ReadableStream<Part>({ start: (controller) => void (this.#controller = controller) })
        this.#emit({ type: 'stream-start', warnings: [] }, { type: 'text-start', id: 't' })
        this.#onCall()
        return Promise.resolve({ stream })
      },
    }
    this.offered = { info: { id, provider: 'test', label: id, demo: false }, model, secrets: ['plain-words'] }
  }

  say(delta: string): void {
    this.#emit({ type: 'text-delta', id: 't', delta })
  }

  finish(reason: string | null = 'stop'): void {
    const raw = reason ?? undefined
    const usage = {
      inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
      outputTokens: { total: 1, text: 1, reasoning: 0 },
    }
    const unified = raw === undefined ? 'other' : 'stop'
    this.#emit({ type: 'text-end', id: 't' }, { type: 'finish', finishReason: { unified, raw }, usage })
    this.#controller?.close()
  }

  fail(error: unknown): void {
    this.#controller?.error(error)
  }

  #emit(...parts: Part[]): void {
    for (const part of parts) this.#controller?.enqueue(part)
  }
}
