import type { DataHeader } from '../../protocol/socket.ts'
import { StreamNotCarried } from '../way-lost.ts'

/** Bytes that may be on their way or wait here, for one stream. Enough for 5 MB/s at 100 ms; the memory of fifty readers that stand still is 25 MB. */
export const WINDOW_BYTES = 512 * 1024
/** Acknowledged in portions of so many bytes: few frames, and the sender never has to wait for one. */
const ACK_BYTES = WINDOW_BYTES / 4
/** Frames that wait here. Even empty ones take memory, and the window does not count them. */
const MAX_FRAMES = 4096

/** A piece of a stream: what comes next of it, and the place after it. */
export interface DataFrame {
  header: DataHeader
  payload: Uint8Array
}

/** What a server said of the stream when it began. */
export interface Opened {
  contentType: string
  offset: string
}

/** What a subscription does to the socket that it is on. */
export interface SubscriptionDoors {
  ack(bytes: number): void
  /** It is left: by its reader, or because it broke the protocol. Called once, never after its end. */
  leave(): void
}

/**
 * One stream on a shared socket. Frames wait here until they are read, no more than the window lets through: a reader that stands still holds up
 * nobody else, and costs a bounded amount of memory.
 */
export class Subscription implements AsyncIterable<DataFrame> {
  readonly #doors: SubscriptionDoors
  readonly #asked: string
  #opened: Opened | null = null
  #place: string
  #frames: DataFrame[] = []
  /** Bytes that came, and the server has not been told to be dealt with. */
  #unacked = 0
  /** Bytes of these that are dealt with. */
  #dealtWith = 0
  /** Why nothing more comes; what came before is still given. */
  #failure: unknown = null
  #over = false
  #wake: (() => void) | null = null

  /** @param offset where it was asked to begin */
  constructor(offset: string, doors: SubscriptionDoors) {
    this.#asked = offset
    this.#place = offset
    this.#doors = doors
  }

  /** The server's answer. */
  open(opened: Opened): void {
    // `-1` and `now` stand for an offset; any other one is exact, or what follows would leave a hole.
    if (opened.offset !== this.#asked && this.#asked !== '-1' && this.#asked !== 'now') {
      return this.#fault(`begins at ${opened.offset}, and ${this.#asked} was asked for`)
    }
    this.#opened = opened
    this.#place = opened.offset
  }

  /**
   * What the server said of the stream.
   * @throws {StreamNotCarried} where it has not opened it, or not where it was asked to
   */
  get opened(): Opened {
    if (this.#opened === null) throw new StreamNotCarried('The socket has not opened this stream.')
    return this.#opened
  }

  /** Takes a frame of the server in. */
  take(frame: DataFrame): void {
    if (this.#over) return
    const { header, payload } = frame
    if (this.#opened === null) return this.#fault('brings data before its answer')
    if (header.next < this.#place) return this.#fault(`goes back from ${this.#place} to ${header.next}`)
    if (this.#unacked >= WINDOW_BYTES || this.#frames.length >= MAX_FRAMES)
      return this.#fault('brings more than its window')
    this.#place = header.next
    this.#unacked += payload.byteLength
    this.#frames.push(frame)
    if (header.ending !== undefined) this.#over = true
    this.#signal()
  }

  /** Nothing more comes. */
  fail(error: unknown): void {
    if (this.#over) return
    this.#over = true
    this.#failure = error
    this.#signal()
  }

  /** Its reader goes. */
  leave(reason: unknown): void {
    this.#frames = []
    if (this.#over) return
    this.fail(reason)
    this.#doors.leave()
  }

  #fault(how: string): void {
    this.leave(new StreamNotCarried(`A stream on the socket ${how}.`))
  }

  #signal(): void {
    this.#wake?.()
    this.#wake = null
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<DataFrame> {
    for (;;) {
      const frame = this.#frames.shift()
      if (frame !== undefined) {
        yield frame
        this.#deal(frame.payload.byteLength)
      } else if (this.#failure !== null) throw this.#failure
      else if (this.#over) return
      else await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  #deal(bytes: number): void {
    this.#dealtWith += bytes
    if (this.#over || this.#dealtWith < ACK_BYTES) return
    this.#doors.ack(this.#dealtWith)
    this.#unacked -= this.#dealtWith
    this.#dealtWith = 0
  }
}
