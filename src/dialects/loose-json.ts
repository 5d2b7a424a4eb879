/** JSON that came from outside: any field may be missing or of another type. */
export type Loose = { readonly [name: string]: unknown }

/** A value as an object; an empty one where it is none. Arrays pass, with their indexes as names. */
export const object = (value: unknown): Loose => (typeof value === 'object' && value !== null ? (value as Loose) : {})

/** A value as text; empty where it is none. */
export const string = (value: unknown): string => (typeof value === 'string' ? value : '')

/** The elements of a value that should be an array. */
export const array = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** The JSON object that a chunk's data holds; an empty one where it holds none. Never throws. */
export function parseObject(data: string | Uint8Array): Loose {
  // Cheap refusal first: `[DONE]`, heartbeats and binary chunks are no objects.
  if (typeof data !== 'string' || !data.includes('{')) return {}
  try {
    return object(JSON.parse(data))
  } catch {
    return {}
  }
}
