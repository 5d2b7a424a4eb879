import * as v from 'valibot'
import type { ClientFrame, ClientNote } from '../../protocol/socket.ts'
import { Refusal } from '../answers.ts'
import { MAX_TOKEN_LENGTH } from '../limits.ts'

/** Headers that stand in for a request's: credentials and what goes with them. */
const MAX_HEADERS = 32

const WholeNumber = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const Text = v.pipe(v.string(), v.maxLength(4096))
const request = { id: WholeNumber }
const credentials = {
  headers: v.optional(
    v.pipe(
      v.record(Text, v.pipe(v.string(), v.maxLength(16_384))),
      v.check((headers) => Object.keys(headers).length <= MAX_HEADERS, `There are more than ${MAX_HEADERS} headers.`),
    ),
  ),
}
const TARGETS = ['stream', 'channel', 'events', 'presence'] as const

const Subscribe = v.pipe(
  v.object({
    type: v.literal('subscribe'),
    ...request,
    ...credentials,
    sub: WholeNumber,
    as: v.optional(v.pipe(v.string(), v.maxLength(256))),
    window: v.optional(v.pipe(WholeNumber, v.minValue(1))),
    stream: v.optional(Text),
    channel: v.optional(Text),
    events: v.optional(Text),
    presence: v.optional(Text),
    run: v.optional(Text),
    offset: v.optional(Text),
  }),
  v.check(
    (frame) => TARGETS.filter((target) => frame[target] !== undefined).length === 1,
    `Name one of ${TARGETS.join(', ')}.`,
  ),
  v.check(
    (frame) => frame.presence !== undefined || frame.offset !== undefined,
    'A subscription needs an offset: -1 for the start, "now" for the tail.',
  ),
)

const Frame = v.variant('type', [
  Subscribe,
  v.object({ type: v.literal('unsubscribe'), ...request, sub: WholeNumber }),
  v.object({
    type: v.literal('publish'),
    ...request,
    ...credentials,
    channel: Text,
    event: Text,
    data: v.optional(v.unknown()),
    producer: v.optional(
      v.object({
        id: v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_TOKEN_LENGTH)),
        epoch: WholeNumber,
        seq: WholeNumber,
      }),
    ),
  }),
  v.object({ type: v.literal('cancel'), ...request, ...credentials, channel: Text, run: v.optional(Text) }),
  v.object({
    type: v.literal('history'),
    ...request,
    ...credentials,
    channel: Text,
    limit: v.optional(WholeNumber),
    before: v.optional(Text),
  }),
  v.object({ type: v.literal('ping'), ...request }),
  v.object({ type: v.literal('ack'), sub: WholeNumber, bytes: WholeNumber }),
  v.object({ type: v.literal('pong') }),
])

export type ParsedFrame =
  | { readonly frame: ClientFrame | ClientNote }
  /** `id` as far as it could be read. */
  | { readonly id: number | null; readonly refusal: Refusal }

/** A frame of a client. Never throws. */
export function parseFrame(text: unknown): ParsedFrame {
  if (typeof text !== 'string') return bad(null, 'Frames of clients are text: JSON objects with a type.')
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return bad(null, 'The frame is not JSON.')
  }
  const parsed = v.safeParse(Frame, json)
  // The checks above leave what the type says; the union itself is more than a schema can express.
  if (parsed.success) return { frame: parsed.output as ClientFrame | ClientNote }
  const [issue] = parsed.issues
  const path = v.getDotPath(issue)
  return bad(idOf(json), path === null ? issue.message : `${path}: ${issue.message}`)
}

function bad(id: number | null, message: string): ParsedFrame {
  return { id, refusal: new Refusal(400, 'bad-frame', message.slice(0, 500)) }
}

function idOf(json: unknown): number | null {
  if (typeof json !== 'object' || json === null || !('id' in json)) return null
  return Number.isSafeInteger(json.id) ? (json.id as number) : null
}
