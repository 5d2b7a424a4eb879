import { shrink } from './shrink.ts'
import type { Walk } from './steps.ts'

/** Steps of one walk under Node: long enough for three things to go wrong at once, short enough to be read. */
export const NODE_WALK = 80

export interface WalkOptions {
  seed: number
  /** Steps in all; they are walked in walks of `length`, each with a seed of its own, the next number. */
  steps: number
  /** Default {@link NODE_WALK}. */
  length?: number
  /** The numbers of the steps, where only these are wanted, of this seed alone. */
  only: readonly number[] | null
  /** How long a shorter walk is looked for. */
  shrinkMs: number
}

/** Walks, and shrinks what fails. Answers with the number of walks that failed. */
export async function runWalks(walk: Walk, options: WalkOptions, say: (line: string) => void): Promise<number> {
  const { steps, only, shrinkMs, length = NODE_WALK } = options
  let failed = 0
  for (let seed = options.seed, left = steps; left > 0; seed++) {
    const indexes = only ?? Array.from({ length: Math.min(left, length) }, (_, i) => i)
    left -= only === null ? indexes.length : left
    const walked = await walk(seed, indexes)
    if (walked.failure === null) continue
    failed += 1
    say(`seed ${seed} failed after ${walked.taken} steps: ${walked.failure.rule}. Looking for a shorter walk …`)
    const { indexes: few, walked: short, repeats } = await shrink(walk, seed, indexes, walked, shrinkMs)
    say(short.log.map((line) => `  ${line}`).join('\n'))
    const { error } = short.failure ?? {}
    say(error instanceof Error ? (error.stack ?? error.message) : String(error))
    const shorter = repeats ? '' : ' (it did not fail again; it may, now and then)'
    say(`Repeat it: npm run test:walk -- --seed ${seed} --only ${few.join(',')}${shorter}`)
  }
  return failed
}
