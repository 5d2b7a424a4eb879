import type { Ending } from './chunk.ts'

/** What a terminal rule said that is not final yet. It is committed with the chunk that said it, so that it survives a hand-over. */
export interface Verdict {
  ending: Ending
  /** For people. */
  message?: string
}
