import type { LanguageModel } from 'ai'

/** A model on offer, one entry of `GET /v1/models`. */
export interface ModelInfo {
  /** What a request names it by. */
  id: string
  /** `openai`, `anthropic`, `ollama`, `demo`, or what the embedding application says. */
  provider: string
  /** For people. */
  label: string
  demo: boolean
}

/** A model that can be called. The first of a list is the default. */
export interface OfferedModel {
  readonly info: ModelInfo
  readonly model: LanguageModel
  /** What no message may repeat, such as the key: providers quote it when they refuse it. Default: nothing. */
  readonly secrets?: readonly string[]
}
