import type { Walk, Walked } from './steps.ts'

/** How often a walk is tried before it counts as one that does not fail: messages between ports keep no exact time. */
const ATTEMPTS = 3

/** The shortest list found of a failed walk's steps that fails in the same way. */
export interface Shrunk {
  indexes: readonly number[]
  walked: Walked
  /** False where the walk did not fail again. */
  repeats: boolean
}

/**
 * Leaves out as many steps as it can: halves first, then smaller parts, down to single steps (delta debugging). Ends after `maxMs`, with what
 * it has.
 */
export async function shrink(
  walk: Walk,
  seed: number,
  indexes: readonly number[],
  failed: Walked,
  maxMs: number,
): Promise<Shrunk> {
  const deadline = Date.now() + maxMs
  const rule = failed.failure?.rule
  let best = { indexes: indexes.slice(0, failed.taken), walked: failed }
  let repeats = false
  const fails = async (candidate: readonly number[]): Promise<boolean> => {
    for (let attempt = 0; attempt < ATTEMPTS && Date.now() < deadline; attempt++) {
      const walked = await walk(seed, candidate)
      if (walked.failure?.rule !== rule) continue
      best = { indexes: candidate.slice(0, walked.taken), walked }
      repeats = true
      return true
    }
    return false
  }
  await fails(best.indexes)
  for (let size = Math.ceil(best.indexes.length / 2); size >= 1;) {
    let shorter = false
    for (let at = 0; at < best.indexes.length && Date.now() < deadline;) {
      const without = [...best.indexes.slice(0, at), ...best.indexes.slice(at + size)]
      if (await fails(without)) shorter = true
      else at += size
    }
    if (Date.now() >= deadline) break
    if (size > 1) size = Math.ceil(size / 2)
    else if (!shorter) break
  }
  return { ...best, repeats }
}
