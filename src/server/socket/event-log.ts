import type { ChannelEvent, PublishFrame } from '../../protocol/socket.ts'
import { checkStreamId } from '../../protocol/names.ts'
import { Refusal } from '../answers.ts'
import { checkRoom, refusedAppend } from '../durable-streams/refusals.ts'
import { encodeOffset } from '../offsets.ts'
import type { ServerContext } from '../server-context.ts'
import type { AppendRequest, AppendResult, StreamName } from '../stream-store.ts'

/** How long a log of events is kept after its last use, in seconds: a week. */
const LIFE_SECONDS = 7 * 24 * 3600

/** Longest `data` as JSON, in UTF-16 units: what a hub carries to its tabs (PROTOCOL.md 2.9). */
const MAX_DATA_LENGTH = 64 * 1024

const CONTENT_TYPE = 'application/json'
const encoder = new TextEncoder()

/** An event to be published. */
export type NewEvent = Pick<PublishFrame, 'channel' | 'event' | 'data' | 'producer'>

/** The log of a channel's events: the stream that has the channel's name, and is a run of none. */
export function eventLog(channel: string): StreamName {
  return { channel: '', run: channel }
}

/** Writes an event to its channel's log, which is made where there is none. @throws {Refusal} */
export async function publishEvent(
  context: ServerContext,
  frame: NewEvent,
): Promise<{ offset: string; duplicate: boolean }> {
  const { maxStreamBytes: maxBytes } = context
  const record = encoder.encode(JSON.stringify(await describeEvent(context, frame)))
  const log = eventLog(frame.channel)
  const request = { contentType: CONTENT_TYPE, records: [record], producer: frame.producer ?? null, maxBytes }
  const result = await appendOrCreate(context, log, request)
  if (result.kind === 'full') throw logFull(frame.channel)
  if (result.kind !== 'appended' && result.kind !== 'duplicate') throw refusedAppend(result)
  return { offset: encodeOffset(result.info.tail), duplicate: result.kind === 'duplicate' }
}

async function describeEvent(context: ServerContext, frame: NewEvent): Promise<ChannelEvent> {
  const newest = await context.newest.of(frame.channel)
  return {
    event: checkEvent(frame.event),
    data: checkData(frame.data ?? null),
    at: context.now(),
    place: newest === null ? null : { run: newest.name.run, offset: encodeOffset(newest.tail) },
  }
}

async function appendOrCreate(context: ServerContext, log: StreamName, request: AppendRequest): Promise<AppendResult> {
  const { store } = context
  const result = await store.append(log, request)
  if (result.kind !== 'missing') return result
  await checkRoom(context, log)
  // Somebody else may be faster; theirs is as good, and where it is something else the append says so.
  await store.create(log, { contentType: CONTENT_TYPE, ttlSeconds: LIFE_SECONDS })
  return store.append(log, request)
}

function logFull(channel: string): Refusal {
  return new Refusal(
    413,
    'stream-full',
    `The log of this channel's events is as large as it may be. Delete it (DELETE /v1/stream/${encodeURIComponent(channel)}) to go on with an empty one.`,
  )
}

function checkEvent(event: string): string {
  try {
    return checkStreamId(event)
  } catch {
    throw new Refusal(400, 'bad-name', 'An event has a name of 1 to 256 characters, none of them a control character.')
  }
}

function checkData(data: unknown): unknown {
  if (lengthOf(data) <= MAX_DATA_LENGTH) return data
  throw new Refusal(413, 'too-large', `The data of an event is JSON of at most ${MAX_DATA_LENGTH} characters.`)
}

function lengthOf(data: unknown): number {
  try {
    return JSON.stringify(data).length
  } catch {
    // Nested deeper than it can be written again.
    return Infinity
  }
}
