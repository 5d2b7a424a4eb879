/** Time, so that tests can step it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Resolves after `ms`, or at once when the signal aborts; never rejects. */
  delay(ms: number, signal: AbortSignal): Promise<void>
}
