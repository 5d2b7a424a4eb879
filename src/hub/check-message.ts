import * as v from 'valibot'
import { HeadwaterError } from '../protocol/errors.ts'
import { MAX_LEASE_SECONDS } from '../protocol/http.ts'
import { checkChannelName, checkStreamId, MAX_NAME_LENGTH } from '../protocol/names.ts'
import { endSeq, isPackedChunks, type PackedChunks } from '../protocol/packed-chunks.ts'
import { MAX_EVENT, MAX_PRODUCED_CHUNKS, MAX_PRODUCED_SIZE, MAX_WRITE } from '../protocol/produce.ts'
import { MAX_HISTORY } from './history-page.ts'

// Every message of a tab is checked here: a faulty page gets a typed refusal, and no other tab notices.

const channel = v.pipe(
  v.string(),
  v.transform((name: string) => checkChannelName(name)),
)
const streamId = v.pipe(
  v.string(),
  v.transform((id: string) => checkStreamId(id)),
)
const seq = v.pipe(v.number(), v.safeInteger(), v.minValue(1))
const nonce = v.pipe(v.string(), v.minLength(1), v.maxLength(100))
const eventName = v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_NAME_LENGTH))
const headers = v.pipe(v.array(v.tuple([v.string(), v.string()])), v.maxLength(100))

/** Headers that may be stored; all others are secrets until proven otherwise. */
const STORED_HEADERS = new Set(['accept', 'content-type'])
/** Large enough for any prompt; a request's body is stored with its stream. */
const MAX_BODY = 16 * 1024 * 1024
/** `meta` is copied into every snapshot. */
const MAX_META = 64 * 1024
/** Timers of browsers hold 31 bits of milliseconds: 24 days. */
const MAX_UNWATCHED = 2 ** 31 - 1

/** A type, a subtype, and parameters: it becomes a header. */
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+\s*(;[\x20-\x7e]*)?$/

const address = v.pipe(
  v.string(),
  v.maxLength(8192),
  v.check((url) => {
    try {
      const { protocol, username, password } = new URL(url)
      return /^https?:$/.test(protocol) && username === '' && password === ''
    } catch {
      return false
    }
  }, 'must be an absolute http: or https: address without user name and password'),
)

const ending = v.object({
  kind: v.picklist(['done', 'cancelled', 'error']),
  code: v.optional(v.string()),
  exitCode: v.optional(v.number()),
})

const terminal = v.object({
  event: v.optional(v.string()),
  data: v.optional(v.string()),
  field: v.optional(v.object({ name: v.string(), value: v.optional(v.union([v.string(), v.number(), v.boolean()])) })),
  ending: v.union([v.literal('field'), ending]),
  final: v.boolean(),
  message: v.optional(v.string()),
})

const anySource = v.object({
  url: address,
  method: v.pipe(v.string(), v.regex(/^[A-Z]{1,16}$/)),
  headers: v.pipe(
    headers,
    v.check(
      (list) => list.every(([name]) => STORED_HEADERS.has(name.toLowerCase())),
      'hold more than accept and content-type',
    ),
  ),
  body: v.nullable(
    v.union([v.pipe(v.string(), v.maxLength(MAX_BODY)), v.pipe(v.instance(Uint8Array), v.maxLength(MAX_BODY))]),
  ),
  format: v.picklist(['auto', 'sse', 'ndjson', 'text', 'bytes', 'durable-stream', 'websocket']),
  dialect: v.nullable(v.pipe(v.string(), v.maxLength(100))),
  terminal: v.nullable(v.pipe(v.array(terminal), v.maxLength(100))),
  resume: v.nullable(address),
  cancel: v.nullable(address),
  idempotent: v.boolean(),
  retries: v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(1000)),
  credentials: v.boolean(),
})

/** A WebSocket is opened with GET and without a body, and never again for the same stream: it would begin somewhere in the middle. */
const source = v.pipe(
  anySource,
  v.check(
    ({ format, method, body }) => format !== 'websocket' || (method === 'GET' && body === null),
    'is a WebSocket: it has neither a method nor a body',
  ),
  v.transform((given) => (given.format === 'websocket' ? { ...given, idempotent: false } : given)),
)

const meta = v.pipe(
  v.unknown(),
  v.check((value) => {
    try {
      return (JSON.stringify(value) ?? '').length <= MAX_META
    } catch {
      return false
    }
  }, `must be JSON of at most ${MAX_META} characters`),
)

export const HelloSchema = v.object({
  protocol: v.pipe(v.number(), v.safeInteger()),
  minProtocol: v.pipe(v.number(), v.safeInteger()),
  clientId: v.pipe(v.string(), v.minLength(1), v.maxLength(100)),
  givesHeaders: v.optional(v.boolean()),
  // A path of this origin, and of no other.
  notify: v.optional(v.pipe(v.string(), v.maxLength(1000), v.regex(/^\/(?![/\\])/, 'must be a path'))),
  storageLimit: v.optional(v.pipe(v.number(), v.minValue(0))),
  left: v.optional(v.boolean()),
})

export const AttachSchema = v.object({
  cursorId: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  channel,
  streamId: v.nullable(streamId),
  from: v.union([v.literal('live'), seq]),
  of: v.optional(v.nullable(streamId)),
  tail: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
  chunks: v.optional(v.boolean()),
})

const limit = v.optional(v.pipe(v.number(), v.minValue(0)))
const retention = v.union([v.literal('keep'), v.object({ count: limit, bytes: limit, ageMs: limit })])

export const StartSchema = v.object({
  streamId,
  channel,
  source: v.nullable(source),
  secrets: v.optional(headers),
  meta: v.optional(meta),
  whenOffline: v.optional(v.literal('queue')),
  retention: v.optional(retention),
  unwatched: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(MAX_UNWATCHED))),
  dialect: v.optional(v.pipe(v.string(), v.maxLength(100))),
  upload: v.optional(
    v.object({
      url: address,
      contentType: v.nullable(v.pipe(v.string(), v.maxLength(256), v.regex(MEDIA_TYPE))),
      credentials: v.boolean(),
      lease: v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(MAX_LEASE_SECONDS)),
    }),
  ),
  mode: v.union([v.picklist(['replace', 'join']), v.object({ retryOf: streamId }), v.object({ produce: nonce })]),
})

/** A pack as a page writes it. Only upstreams give ids. */
const pack = v.pipe(
  v.custom<PackedChunks>(isPackedChunks, 'is no pack of chunks'),
  v.check(({ encoded }) => !encoded, 'is encoded, which only the store does'),
  v.check(
    ({ lengths, events = [] }) =>
      v.is(
        v.array(v.tuple([v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(lengths.length)), eventName])),
        events,
      ),
    'has events that are none of its chunks',
  ),
)

export const ProduceSchema = v.pipe(
  v.object({
    streamId,
    producer: nonce,
    fromSeq: seq,
    packs: v.pipe(v.array(pack), v.maxLength(MAX_PRODUCED_CHUNKS)),
    ending: v.optional(v.object({ kind: v.picklist(['done', 'error']) })),
    message: v.optional(v.pipe(v.string(), v.maxLength(1000))),
  }),
  v.check(
    ({ fromSeq, packs }) => packs.reduce((next, one) => (one.fromSeq === next ? endSeq(one) : NaN), fromSeq) > 0,
    'must be chunks without a hole',
  ),
  v.check(({ packs }) => {
    const chunks = packs.reduce((count, { lengths }) => count + lengths.length, 0)
    const size = packs.reduce((sum, { data }) => sum + data.length, 0)
    return chunks <= MAX_PRODUCED_CHUNKS && size <= (chunks === 1 ? MAX_WRITE : MAX_PRODUCED_SIZE)
  }, 'is larger than one call may be'),
)

export const PublishSchema = v.object({
  eventId: nonce,
  channel,
  event: eventName,
  data: v.nullable(v.pipe(v.string(), v.maxLength(MAX_EVENT))),
})

/** An event as another hub passes it on. */
export const PlacedSchema = v.object({
  ...PublishSchema.entries,
  place: v.nullable(
    v.object({ streamId, seq: v.pipe(v.number(), v.safeInteger(), v.minValue(0)), createdAt: v.number() }),
  ),
})

export const CancelSchema = v.optional(v.object({ reason: v.optional(v.pipe(v.string(), v.maxLength(1000))) }))

export const VerbSchema = v.object({
  verbId: v.pipe(v.string(), v.minLength(1), v.maxLength(100)),
  kind: v.picklist(['stop', 'resume', 'cancel']),
  streamId,
  reason: v.optional(v.pipe(v.string(), v.maxLength(1000))),
})

export const ForgetSchema = v.union([v.object({ streamId }), v.object({ channel })])

export const HistorySchema = v.optional(
  v.object({
    limit: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(MAX_HISTORY))),
    before: v.optional(streamId),
  }),
)

/** A tab's answer to a request for headers. */
export const GivenHeadersSchema = v.nullable(headers)

export const AckSchema = v.object({ next: seq })

/**
 * A message, checked.
 * @throws {HeadwaterError} `bad-message`, `bad-name` or `bad-id`, saying which part is wrong
 */
export function checkMessage<S extends v.GenericSchema>(schema: S, message: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, message)
  if (result.success) return result.output
  const [issue] = result.issues
  const path = v.getDotPath(issue) ?? 'the message'
  throw new HeadwaterError('bad-message', `The hub refused a message: ${path} ${issue.message}. Nothing was changed.`)
}
