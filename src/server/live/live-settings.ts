import type { Page } from '../follow.ts'
import type { StreamStore } from '../stream-store.ts'

/** What readers of all streams have in common. */
export interface LiveSettings {
  readonly store: StreamStore
  /** The longest silence, in milliseconds. */
  readonly heartbeatMs: number
  /** A reader ends after so many milliseconds. */
  readonly lifeMs: number
  /** A reader that takes nothing for so many milliseconds is cut. */
  readonly stallMs: number
  readonly now: () => number
  /** Told of each page that a reader is handed; `waited`: it had everything before. */
  readonly onPage: (page: Page, waited: boolean) => void
  /** Told of reads of the store that failed; the readers were cut. */
  readonly onError: (error: unknown) => void
}
