/** One unit as it came from upstream. */
export interface Chunk<D = string | Uint8Array> {
  /** Position in its stream: 1, 2, 3 … with no holes. */
  seq: number
  /** When the hub received it, in milliseconds since the epoch. */
  time: number
  /** Name of the event, where the format has one. */
  event?: string
  /** The upstream's own id of the event, where it gave one. */
  id?: string
  data: D
}

/** A chunk that the log has not numbered yet. */
export type NewChunk = Omit<Chunk, 'seq'>

/** An explicit record that chunks are missing; it takes the place of the seqs `fromSeq` to `toSeq`, both included. */
export interface Gap {
  fromSeq: number
  toSeq: number
  /** `retention`: pruned. `damaged`: the stored record cannot be read. `upstream-changed`: upstream no longer says what it said. */
  reason: 'retention' | 'damaged' | 'upstream-changed'
}

/** How a stream finished, for good. A lost connection is never an ending, nor is a stop. */
export interface Ending {
  kind: 'done' | 'cancelled' | 'error'
  /** A machine-readable reason: `producer-lost`, `exit-status`, `upstream-error` … */
  code?: string
  /** Exit status of the command whose output this stream is. */
  exitCode?: number
}
