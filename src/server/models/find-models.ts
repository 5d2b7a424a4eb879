import { createAnthropic } from '@ai-sdk/anthropic'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import type { ModelConfig } from '../config.ts'
import { createDemoModel } from './demo-model.ts'
import { listModelIds } from './list-model-ids.ts'
import type { OfferedModel } from './model-info.ts'

const OPENAI_URL = 'https://api.openai.com/v1'
const ANTHROPIC_URL = 'https://api.anthropic.com/v1'
const ANTHROPIC_VERSION = '2023-06-01'
/** Offered where Anthropic does not answer with its list: the name that always means its newest model of the middle size. */
const ANTHROPIC_FALLBACK = 'claude-sonnet-4-5'
/** Offered where an endpoint does not list its models: most that do not list have one, and take any name for it. */
const OPENAI_FALLBACK = 'default'

/** Names of models that an OpenAI account lists and that cannot chat. */
const NOT_FOR_CHAT =
  /embed|whisper|tts|audio|realtime|transcribe|dall-e|image|moderation|davinci|babbage|rerank|sora|codex|instruct/i

export interface FindModelsOptions {
  config: ModelConfig
  /** Default: the platform's. */
  fetch?: typeof fetch
}

/** The models that this machine can reach, asked for all at once; the demo model where there are none. */
export async function findModels(options: FindModelsOptions): Promise<readonly OfferedModel[]> {
  const found = await Promise.all([openai(options), anthropic(options), ollama(options)])
  const models = found.flat()
  return models.length > 0 ? models : [createDemoModel({ delayMs: options.config.demoDelayMs })]
}

async function openai({ config, fetch }: FindModelsOptions): Promise<OfferedModel[]> {
  const { openaiBaseUrl, openaiApiKey } = config
  if (openaiBaseUrl === null && openaiApiKey === null) return []
  const baseURL = openaiBaseUrl ?? OPENAI_URL
  const headers: Record<string, string> = openaiApiKey === null ? {} : { authorization: `Bearer ${openaiApiKey}` }
  const provider = createOpenAICompatible({
    name: 'openai',
    baseURL,
    includeUsage: true,
    ...(openaiApiKey !== null && { apiKey: openaiApiKey }),
    ...(fetch !== undefined && { fetch }),
  })
  const listed = await listModelIds(`${baseURL}/models`, headers, fetch)
  const ids = listed?.filter((id) => !NOT_FOR_CHAT.test(id)) ?? []
  const host = new URL(baseURL).host
  return (ids.length > 0 ? ids : [OPENAI_FALLBACK]).map((id) => ({
    info: { id: `openai/${id}`, provider: 'openai', label: `${id} (${host})`, demo: false },
    model: provider(id),
    ...(openaiApiKey !== null && { secrets: [openaiApiKey] }),
  }))
}

async function anthropic({ config, fetch }: FindModelsOptions): Promise<OfferedModel[]> {
  const apiKey = config.anthropicApiKey
  if (apiKey === null) return []
  const provider = createAnthropic({ apiKey, ...(fetch !== undefined && { fetch }) })
  const headers = { 'x-api-key': apiKey, 'anthropic-version': ANTHROPIC_VERSION }
  const ids = (await listModelIds(`${ANTHROPIC_URL}/models`, headers, fetch)) ?? []
  return (ids.length > 0 ? ids : [ANTHROPIC_FALLBACK]).map((id) => ({
    info: { id: `anthropic/${id}`, provider: 'anthropic', label: `${id} (Anthropic)`, demo: false },
    model: provider(id),
    secrets: [apiKey],
  }))
}

async function ollama({ config, fetch }: FindModelsOptions): Promise<OfferedModel[]> {
  const baseURL = `${config.ollamaHost}/v1`
  const ids = await listModelIds(`${baseURL}/models`, {}, fetch)
  if (ids === null || ids.length === 0) return []
  const provider = createOpenAICompatible({
    name: 'ollama',
    baseURL,
    includeUsage: true,
    ...(fetch !== undefined && { fetch }),
  })
  return ids.map((id) => ({
    info: { id: `ollama/${id}`, provider: 'ollama', label: `${id} (Ollama)`, demo: false },
    model: provider(id),
  }))
}
