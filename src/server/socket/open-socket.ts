/** What the server needs of an open WebSocket; the standard `WebSocket` has it, and so has that of `ws`. */
export interface OpenSocket {
  send(frame: string | Uint8Array<ArrayBuffer>): void
  /** Says goodbye. Whoever made the socket sees to it that one whose other side is gone ends all the same. */
  close(code: number, reason: string): void
  /** Bytes that were sent and are not yet with the system. */
  readonly bufferedAmount: number
  /**
   * Reads no more for now, so that the client has to wait; frames that have arrived may still be handed over. May be left out, with `resume`: then
   * a client that asks on and on is closed.
   */
  pause?(): void
  resume?(): void
}

/** What the server wants to hear of a socket that it accepted. */
export interface SocketReceiver {
  /** A frame came: a string if it was text. */
  receive(frame: unknown): void
  /** Bytes left. May be left out, then the server looks by itself, less often. */
  drained(): void
  /** It is closed, by whomever. */
  closed(): void
}
