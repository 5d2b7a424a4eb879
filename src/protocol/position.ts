/**
 * Where an *upstream* can be continued: its own token (an SSE id, a Durable Streams offset, a byte count; `null` means from the start)
 * and how many units after it are already committed.
 */
export interface Position {
  token: string | null
  skip: number
  /** Running hash of the skipped units, so that a resume notices an upstream that changed its mind. Absent where `skip` is 0. */
  hash?: number
}

export const START: Position = { token: null, skip: 0 }

/** Whether two positions are the same place. Appends compare it inside their transaction (hand-over rule 2). */
export function samePosition(a: Position, b: Position): boolean {
  return a.token === b.token && a.skip === b.skip && a.hash === b.hash
}
