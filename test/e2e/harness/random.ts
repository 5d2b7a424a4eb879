/** A small seeded generator (mulberry32): the same seed gives the same run again. Numbers from 0 (included) to 1. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The seed of this run: `HEADWATER_SEED`, or a new one. Harness and tests print it where it matters. */
export const SEED = Number(process.env['HEADWATER_SEED'] ?? Date.now() % 2 ** 31)

/** Cuts bytes in pieces at seeded places: inside lines, CRLFs and characters. */
export function splitAnywhere(bytes: Buffer, random: () => number): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length;) {
    const length = 1 + Math.floor(random() * Math.min(24, bytes.length - at))
    pieces.push(bytes.subarray(at, at + length))
    at += length
  }
  return pieces
}
