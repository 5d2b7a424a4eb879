import * as v from 'valibot'

const Ending = v.object({
  kind: v.picklist(['done', 'cancelled', 'error']),
  code: v.optional(v.string()),
  exitCode: v.optional(v.number()),
})

const Run = v.object({
  run: v.string(),
  url: v.string(),
  status: v.picklist(['live', 'done', 'cancelled', 'error']),
  ending: v.nullable(Ending),
  contentType: v.string(),
  size: v.number(),
  createdAt: v.number(),
  updatedAt: v.number(),
})

const Channel = v.object({ channel: v.string(), newest: Run, runs: v.number() })

const Snapshot = v.object({ channels: v.array(v.unknown()), next: v.optional(v.string()) })
const Removed = v.object({ channel: v.string() })
const Runs = v.object({ runs: v.array(v.unknown()) })

/** A run as the server lists it. */
export type ServerRun = v.InferOutput<typeof Run>

/** A channel as the server lists it. */
export type ServerChannel = v.InferOutput<typeof Channel>

/** What is known of the server's channels, by name. Immutable. */
export type ServerChannels = ReadonlyMap<string, ServerChannel>

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Those entries of a list that are what they should be: one that a newer server writes otherwise must not hide the rest. */
function valid<S extends v.GenericSchema>(schema: S, values: readonly unknown[]): v.InferOutput<S>[] {
  return values.flatMap((value) => {
    const result = v.safeParse(schema, value)
    return result.success ? [result.output] : []
  })
}

/**
 * Applies one event of `GET /v1/channels?live=sse` (`snapshot`, `channel` or `removed`). Answers with the same object where the event says
 * nothing that it understands.
 */
export function foldChannelEvent(channels: ServerChannels, event: string | undefined, data: string): ServerChannels {
  const value = parseJson(data)
  if (event === 'snapshot') {
    const snapshot = v.safeParse(Snapshot, value)
    if (!snapshot.success) return channels
    return new Map(valid(Channel, snapshot.output.channels).map((channel) => [channel.channel, channel]))
  }
  if (event === 'channel') {
    const [channel] = valid(Channel, [value])
    return channel ? new Map(channels).set(channel.channel, channel) : channels
  }
  if (event === 'removed') {
    const [removed] = valid(Removed, [value])
    if (!removed || !channels.has(removed.channel)) return channels
    const rest = new Map(channels)
    rest.delete(removed.channel)
    return rest
  }
  return channels
}

/** A page of the list of channels. */
export interface ChannelPage {
  readonly channels: readonly ServerChannel[]
  /** `before` of the next page; `null` where there is none. */
  readonly next: string | null
}

/** What follows a snapshot that is not the whole list; `null` where nothing does. */
export function nextPageOf(snapshot: string): string | null {
  const parsed = v.safeParse(Snapshot, parseJson(snapshot))
  return parsed.success ? (parsed.output.next ?? null) : null
}

/** The answer of `GET /v1/channels`. Throws where it is no such answer. */
export function parseChannelPage(value: unknown): ChannelPage {
  const { channels, next } = v.parse(Snapshot, value)
  return { channels: valid(Channel, channels), next: next ?? null }
}

/** The runs in the answer of `GET /v1/channels/<channel>`, newest first. Throws where it is no such answer. */
export function parseRuns(value: unknown): ServerRun[] {
  return valid(Run, v.parse(Runs, value).runs)
}
