import { PAGE_CACHE_BYTES } from '../limits.ts'

/** Limits of `/v1/ws`. What is above them is refused with a code and a message (PROTOCOL.md 4.5). */
export interface SocketOptions {
  /** Sockets at once. Default: 10,000. */
  maxSockets?: number
  /** Subscriptions of one socket. Default: 256. */
  maxSubscriptions?: number
  /** Bytes of one frame of a client. Default: 256 KiB, which holds the largest event. */
  maxFrameBytes?: number
  /** Frames of one client per second, on average; as many may come at once. Default: 500. */
  framesPerSecond?: number
  /** Bytes that wait unsent in a socket before nothing more is read for it. Default: 256 KiB, several round trips of a fast line. */
  watermarkBytes?: number
  /** Milliseconds that a socket may stay above the watermark before it is closed. Default: 30,000. */
  stallMs?: number
  /** Bytes of pages that are kept for others who come by the same place, of all streams together. Default: 64 MiB. */
  pageCacheBytes?: number
}

export type SocketLimits = Readonly<Required<SocketOptions>>

const DEFAULTS: SocketLimits = {
  maxSockets: 10_000,
  maxSubscriptions: 256,
  maxFrameBytes: 256 * 1024,
  framesPerSecond: 500,
  watermarkBytes: 256 * 1024,
  stallMs: 30_000,
  pageCacheBytes: PAGE_CACHE_BYTES,
}

export function socketLimits(options: SocketOptions): SocketLimits {
  return { ...DEFAULTS, ...options }
}
