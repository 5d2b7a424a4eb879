import type { Place } from './stream-store.ts'

// As many digits as the largest safe integer has, so that offsets sort as strings.
const DIGITS = 16
const OFFSET = /^(\d{16})_(\d{16})$/

export const ZERO: Place = { record: 0, byte: 0 }

/** A place as an opaque token that sorts as a string. The byte count makes an offset of another stream recognisable. */
export function encodeOffset(place: Place): string {
  return `${String(place.record).padStart(DIGITS, '0')}_${String(place.byte).padStart(DIGITS, '0')}`
}

/** The place of a token; `null` where it is not one of ours. */
export function decodeOffset(offset: string): Place | null {
  const match = OFFSET.exec(offset)
  if (match === null) return null
  return { record: Number(match[1]), byte: Number(match[2]) }
}

export function samePlace(a: Place, b: Place): boolean {
  return a.record === b.record && a.byte === b.byte
}
