import type { Ending } from './chunk.ts'

/** What a hub tells an application's service worker when a stream has come to its end by itself: nothing of what it said. */
export interface EndingNotice {
  streamId: string
  channel: string
  ending: Ending
}
