/** A model on offer, one entry of `GET /v1/models`. */
export interface ModelInfo {
  id: string
  /** `openai`, `anthropic`, `ollama` or `demo`. */
  provider: string
  /** For people. */
  label: string
  demo: boolean
}
