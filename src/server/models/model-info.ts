import type { LanguageModel, streamText } from 'ai'

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

type CallOptions = Parameters<typeof streamText>[0]

/** What the AI SDK's `streamText` takes besides the conversation. */
export type ModelSettings = Pick<
  CallOptions,
  | 'system'
  | 'tools'
  | 'toolChoice'
  | 'stopWhen'
  | 'providerOptions'
  | 'maxOutputTokens'
  | 'temperature'
  | 'topP'
  | 'maxRetries'
  | 'headers'
>

/** A model that can be called. The first of a list is the default. */
export interface OfferedModel {
  readonly info: ModelInfo
  readonly model: LanguageModel
  /** How it is called: instructions, tools of the server, limits. Default: as the AI SDK calls a model. */
  readonly settings?: ModelSettings
  /** What no message may repeat, such as the key: providers quote it when they refuse it. Default: nothing. */
  readonly secrets?: readonly string[]
}
