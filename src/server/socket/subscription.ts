import type { SocketAnswers } from '../../protocol/socket.ts'

/** What a connection knows of a subscription: it has a next frame, or will say so. */
export interface Subscription {
  /** Begins. Called once; nothing is sent before the answer. @throws {Refusal} */
  open(): Promise<SocketAnswers['subscribe']>
  /** The next frame; `null` where there is none now. Called only where there is room for it. */
  next(): string | Uint8Array<ArrayBuffer> | null
  /** Whether it is worth to ask for one more frame at once. */
  readonly hasMore: boolean
  /** So many bytes of payload were dealt with. */
  acknowledge(bytes: number): void
  /** Over, by whomever. Safe to call twice. */
  close(): void
}

/** What a subscription needs of its connection. */
export interface SubscriptionHost {
  /** There may be a next frame. */
  ready(): void
  /** It is over by itself; its name is free. */
  over(): void
}
