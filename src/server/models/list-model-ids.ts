import * as v from 'valibot'

/** A local server answers in milliseconds; a hosted one in this, or its list is not waited for. Start-up waits no longer than this. */
const PROBE_MS = 1500
const MAX_MODELS = 200

const List = v.object({ data: v.array(v.looseObject({ id: v.pipe(v.string(), v.minLength(1), v.maxLength(256)) })) })

/** The ids at an OpenAI-style list of models; `null` where nobody answers, or with something else. */
export async function listModelIds(
  url: string,
  headers: Readonly<Record<string, string>>,
  fetcher: typeof fetch = fetch,
): Promise<string[] | null> {
  try {
    const response = await fetcher(url, { headers, signal: AbortSignal.timeout(PROBE_MS), redirect: 'error' })
    if (!response.ok) return null
    return v
      .parse(List, await response.json())
      .data.map((model) => model.id)
      .slice(0, MAX_MODELS)
  } catch {
    return null
  }
}
