import * as v from 'valibot'
import { parseChannelPage, parseRuns } from './server-channels.ts'
import type { ChannelPage, ServerRun } from './server-channels.ts'

const Models = v.object({
  models: v.array(
    v.object({ id: v.string(), provider: v.string(), label: v.string(), demo: v.optional(v.boolean(), false) }),
  ),
  default: v.nullish(v.string()),
})

/** A model on offer. */
export type Model = v.InferOutput<typeof Models>['models'][number]

/** The models on offer, and which one is meant where none is chosen. */
export interface ModelList {
  models: readonly Model[]
  defaultId: string | null
}

/** How long the server may think about a short question. Milliseconds. */
const PATIENCE_MS = 10_000

async function getJson(path: string, signal: AbortSignal): Promise<unknown> {
  const response = await fetch(path, { signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]) })
  if (!response.ok) throw new Error(`The server answered ${response.status} to ${path}.`)
  return response.json()
}

/** `GET /v1/models`. Rejects where the server does not answer, or with something else. */
export async function fetchModels(signal: AbortSignal): Promise<ModelList> {
  const { models, default: defaultId } = v.parse(Models, await getJson('/v1/models', signal))
  return { models, defaultId: defaultId ?? models[0]?.id ?? null }
}

/** `GET /v1/channels`: those that come after a page whose `next` was `before`. */
export async function fetchChannels(before: string, signal: AbortSignal): Promise<ChannelPage> {
  return parseChannelPage(await getJson(`/v1/channels?before=${encodeURIComponent(before)}`, signal))
}

/** `GET /v1/channels/<channel>`: its runs, newest first. */
export async function fetchRuns(channel: string, signal: AbortSignal): Promise<ServerRun[]> {
  return parseRuns(await getJson(`/v1/channels/${encodeURIComponent(channel)}`, signal))
}
