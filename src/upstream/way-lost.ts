/**
 * Thrown where the shared way to an upstream is not open, or not any more: the socket broke, or does not carry this stream. Nothing is known of the
 * stream itself. Connect again at once, from the committed position: whichever way is open then.
 */
export class WayLost extends Error {
  override readonly name = 'WayLost'
}

/** The shared way is open for others and not for this stream: the socket refused it, or broke the protocol in it. */
export class StreamNotCarried extends WayLost {
  /** The refusal's status, as over HTTP; `null` where there was none. */
  readonly status: number | null

  constructor(message: string, status: number | null = null) {
    super(message)
    this.status = status
  }
}
