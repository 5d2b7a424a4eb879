import type { Page } from '../follow.ts'

/** How pages of a stream become bytes of Server-Sent Events. */
export interface PageEncoder {
  /** Readers with encoders of one key share what is encoded. */
  readonly key: string
  /** Whether pages may only be cut where a character ends. */
  readonly isText: boolean
  encode(page: Page, cursor: string): Uint8Array
}
