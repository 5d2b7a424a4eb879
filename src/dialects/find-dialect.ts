import type { Dialect } from '../protocol/dialect.ts'
import { aiSdk } from './ai-sdk.ts'
import { anthropic } from './anthropic.ts'
import { ndjson, sse, text } from './generic.ts'
import { ollama } from './ollama.ts'
import { openaiChat } from './openai-chat.ts'

const DIALECTS: readonly Dialect[] = [aiSdk, openaiChat, anthropic, ollama, text, ndjson, sse]

/** The dialect of a name (`ai-sdk`, `openai-chat`, `anthropic`, `ollama`, `text`, `ndjson`, `sse`); `undefined` where we know none. */
export function findDialect(name: string | null | undefined): Dialect | undefined {
  return DIALECTS.find((dialect) => dialect.name === name)
}
