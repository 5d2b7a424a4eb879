import * as v from 'valibot'

// What a server says as text is checked here. It may grow fields and types that this version does not know, and passes over (PROTOCOL.md 4.5).

const whole = v.pipe(v.number(), v.safeInteger())
/** It stands in for a header. */
const contentType = v.pipe(v.string(), v.regex(/^[\x20-\x7e]{1,200}$/))
/** The largest number of seconds that a timer holds comfortably: an hour, as for `Stream-Heartbeat`. */
const seconds = v.pipe(v.number(), v.minValue(1), v.maxValue(3600))
const error = v.object({ status: whole })

const known = v.variant('type', [
  v.object({ type: v.literal('welcome'), heartbeat: seconds }),
  v.object({
    type: v.literal('ok'),
    id: whole,
    opened: v.nullish(v.object({ contentType, offset: v.string() })),
  }),
  v.object({ type: v.literal('error'), id: v.nullable(whole), error }),
  v.object({ type: v.literal('dropped'), sub: whole, error }),
  v.object({ type: v.literal('ping') }),
])

/** A text frame of a server, as far as a hub understands it. */
export type KnownFrame = v.InferOutput<typeof known>

const TYPES: readonly string[] = known.options.map(({ entries }) => entries.type.literal)

/** The frame that a text is; `'unknown'` where it is of a type that may be passed over, `null` where it breaks the protocol. */
export function readServerFrame(text: string): KnownFrame | 'unknown' | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  const { type } = (value ?? {}) as { type?: unknown }
  if (typeof type !== 'string') return null
  if (!TYPES.includes(type)) return 'unknown'
  const frame = v.safeParse(known, value)
  return frame.success ? frame.output : null
}
