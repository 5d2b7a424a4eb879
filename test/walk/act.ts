import { pick } from './steps.ts'
import type { Walker } from './walker.ts'

/** Does something, by draws of its own; answers with what it did, in words, or `null` where there was nothing to do it to. */
export type Act = (walker: Walker, random: () => number) => string | null | Promise<string | null>

/** An awake tab that follows some channel, and that channel. */
export function someChannel(walker: Walker, random: () => number) {
  const tab = pick(random, walker.awake)
  const [name, entry] = pick(random, [...(tab?.channels ?? [])]) ?? []
  return tab && name !== undefined && entry ? { tab, name, channel: entry.channel } : null
}
