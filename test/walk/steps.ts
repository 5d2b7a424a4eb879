import { seededRandom } from '../e2e/harness/random.ts'

/**
 * One step of a walk. What it does depends on the walk's seed and its own number alone, so that steps can be left out and the others stay what
 * they are.
 */
export interface Step {
  index: number
  /** Draws from 0 (included) to 1. */
  random: () => number
}

export function stepOf(seed: number, index: number): Step {
  // Neighbours in seed or number have nothing in common.
  const mixed = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35)
  return { index, random: seededRandom(mixed ^ (mixed >>> 15)) }
}

export function pick<T>(random: () => number, list: readonly T[]): T | undefined {
  return list[Math.floor(random() * list.length)]
}

/** One of several acts, each as often as its weight says. */
export function weigh<T extends string>(random: () => number, weights: Readonly<Record<T, number>>): T {
  const entries = Object.entries<number>(weights) as [T, number][]
  let at = random() * entries.reduce((sum, [, weight]) => sum + weight, 0)
  for (const [act, weight] of entries) {
    at -= weight
    if (at < 0) return act
  }
  return (entries.at(-1) as [T, number])[0]
}

/** What one walk came to. */
export interface Walked {
  /** What was done, in words, in order. */
  log: string[]
  failure: { rule: string; error: unknown } | null
  /** How many of the steps were taken: all, or those up to the failure. */
  taken: number
}

export type Walk = (seed: number, indexes: readonly number[]) => Promise<Walked>
