import { openIdbLogStore } from './idb-store.ts'
import type { LogStore } from './log-store.ts'
import { SuccessorLogStore } from './successor-store.ts'

/** Opens the log in one format. */
export type OpenFormat = () => Promise<LogStore>

/** Formats before the newest, newest first, each with the code that its releases had: none yet. The first entry here is the day of `headwater-2`. */
const OLDER_FORMATS: readonly OpenFormat[] = []

/**
 * Opens the log in the newest format, with whatever earlier releases keep in older ones.
 * @throws {HeadwaterError} `store` where the browser has no storage for us
 */
export async function openLogStore(
  newest: OpenFormat = openIdbLogStore,
  older: readonly OpenFormat[] = OLDER_FORMATS,
): Promise<LogStore> {
  const [before, ...rest] = older
  if (before === undefined) return newest()
  return new SuccessorLogStore(await newest(), await openLogStore(before, rest))
}
