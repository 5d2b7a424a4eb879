import { HeadwaterError } from '../../protocol/errors.ts'
import { decodeDataFrame } from '../../protocol/socket-frame.ts'
import { SOCKET_PROTOCOL, type CancelFrame, type ClientFrame, type FrameHeaders } from '../../protocol/socket.ts'
import { MAX_UNIT_LENGTH } from '../limits.ts'
import { isSilence, SilenceWatch, within, type Delay, type SilenceLimit } from '../silence.ts'
import { StreamNotCarried, WayLost } from '../way-lost.ts'
import { readServerFrame, type KnownFrame } from './server-frame.ts'
import { Subscription, WINDOW_BYTES, type Opened } from './subscription.ts'
import { socketUrl, type OpenWebSocket, type WebSocketLike } from './web-socket.ts'

/** From the handshake to the server's first frame. A proxy that swallows frames lets the handshake pass and this not. */
const OPEN_LIMIT: SilenceLimit = { stepMs: 10_000, steps: 1 }
/** A server that lives and leaves a question open for so long does not speak this protocol. */
const ANSWER_LIMIT: SilenceLimit = { stepMs: 15_000, steps: 2 }
/** For what a person waits for, or what only asks for a sign of life. */
const SHORT_LIMIT: SilenceLimit = { stepMs: 10_000, steps: 1 }
/** Of so many heartbeats that are missing, at least three whole ones are (see `silence.ts`). */
const HEARTBEAT_STEPS = 4
/** The longest frame: one unit in UTF-8, and its header. */
const MAX_FRAME_BYTES = 3 * MAX_UNIT_LENGTH + 4096
/** Text frames are about streams, not of them. */
const MAX_TEXT = 1024 * 1024

type OkFrame = Extract<KnownFrame, { type: 'ok' }>
/** A request of the client, without its id. */
type Question = { type: ClientFrame['type']; [field: string]: unknown }

interface Answer {
  resolve(ok: OkFrame): void
  reject(error: unknown): void
}

/** What is subscribed to. */
export interface Subscribing {
  /** Path of the stream on the server. */
  stream: string
  offset: string
  headers: FrameHeaders
}

/** One WebSocket that was let in by its server, and the streams on it. It ends once, for all of them. */
export class SocketLink {
  readonly #socket: WebSocketLike
  readonly #url: string
  readonly #delay: Delay
  readonly #over = new AbortController()
  readonly #answers = new Map<number, Answer>()
  readonly #subscriptions = new Map<number, Subscription>()
  /** Subscriptions that were left, until the server says that it knows: their frames are still on the way. */
  readonly #leaving = new Set<number>()
  #welcome: { resolve(): void; reject(error: unknown): void } | null = null
  #watch: SilenceWatch | null = null
  #lastId = 0
  /** Called when the number of streams has changed. */
  onchange: (() => void) | null = null

  private constructor(socket: WebSocketLike, url: string, delay: Delay) {
    this.#socket = socket
    this.#url = url
    this.#delay = delay
    socket.binaryType = 'arraybuffer'
    const end = (): void => this.end()
    socket.addEventListener('close', end)
    socket.addEventListener('error', end)
    socket.addEventListener('message', ({ data }) => {
      if (!this.over.aborted) this.#hear(data)
    })
  }

  /**
   * Opens a socket and waits for the server's welcome.
   * @param url of the socket, with the scheme of a page
   * @throws what the browser throws, `network`, or {@link WayLost}
   */
  static async open(open: OpenWebSocket, url: string, delay: Delay, signal: AbortSignal): Promise<SocketLink> {
    const link = new SocketLink(open(socketUrl(url), SOCKET_PROTOCOL), url, delay)
    const end = (): void => link.end()
    signal.addEventListener('abort', end)
    try {
      const welcomed = new Promise<void>((resolve, reject) => (link.#welcome = { resolve, reject }))
      if (signal.aborted) end()
      await within(welcomed, OPEN_LIMIT, delay, url)
      return link
    } catch (error) {
      link.end()
      throw error
    } finally {
      signal.removeEventListener('abort', end)
    }
  }

  /** Aborts once the socket is closed, broken or given up. */
  get over(): AbortSignal {
    return this.#over.signal
  }

  /** Streams on it. */
  get count(): number {
    return this.#subscriptions.size
  }

  /** Closes it: whatever is on it goes on another way. */
  end(): void {
    if (this.over.aborted) return
    this.#over.abort()
    this.#watch?.stop()
    this.#socket.close()
    const lost = new WayLost('The socket is closed.')
    this.#welcome?.reject(lost)
    for (const { reject } of this.#answers.values()) reject(lost)
    for (const subscription of this.#subscriptions.values()) subscription.fail(lost)
    this.#answers.clear()
    this.#subscriptions.clear()
  }

  /** Looks whether it still brings anything, after the machine may have slept. */
  async probe(): Promise<void> {
    await this.#ask({ type: 'ping' }, SHORT_LIMIT).catch((error: unknown) => {
      if (isSilence(error)) this.end()
    })
  }

  /**
   * Tells a producer to stop.
   * @throws {StreamNotCarried} with the status of the refusal; `network` where no answer comes in time; {@link WayLost}
   */
  async cancel(what: Omit<CancelFrame, 'id' | 'type'>): Promise<void> {
    await this.#ask({ type: 'cancel', ...what }, SHORT_LIMIT)
  }

  /**
   * A stream from an offset. It is left when the signal aborts, or its reader leaves.
   * @throws {StreamNotCarried} where the server refuses it; {@link WayLost}; the signal's reason
   */
  async subscribe(what: Subscribing, signal: AbortSignal): Promise<{ subscription: Subscription; opened: Opened }> {
    if (this.over.aborted) throw new WayLost('The socket is closed.')
    const sub = ++this.#lastId
    // At once, not when a promise gets round to it: data may follow in the same breath.
    const open = ({ opened }: OkFrame): void => {
      if (opened) subscription.open(opened)
    }
    const answered = this.#ask({ type: 'subscribe', sub, window: WINDOW_BYTES, ...what }, ANSWER_LIMIT, open)
    const subscription = new Subscription(what.offset, {
      ack: (bytes) => this.#send({ type: 'ack', sub, bytes }),
      leave: () => this.#leave(sub, answered),
    })
    this.#subscriptions.set(sub, subscription)
    this.onchange?.()
    const aborted = new Promise<never>((_, reject) => {
      const abort = (): void => {
        const reason = new HeadwaterError('aborted', 'The connection was closed on this side.')
        subscription.leave(reason)
        reject(reason)
      }
      if (signal.aborted) abort()
      signal.addEventListener('abort', abort, { once: true })
    })
    try {
      await Promise.race([answered, aborted])
      return { subscription, opened: subscription.opened }
    } catch (error) {
      this.#forget(sub)
      if (!isSilence(error)) throw error
      this.end()
      throw new WayLost('The server does not answer on its socket.')
    }
  }

  /** The server is told once it has answered, because it may take two frames at a time; until it knows, the stream's data is still on the way. */
  #leave(sub: number, answered: Promise<unknown>): void {
    this.#forget(sub)
    this.#leaving.add(sub)
    void answered
      .then(() => this.#ask({ type: 'unsubscribe', sub }, ANSWER_LIMIT))
      .catch(() => undefined)
      .then(() => this.#leaving.delete(sub))
  }

  #forget(sub: number): void {
    if (this.#subscriptions.delete(sub)) this.onchange?.()
  }

  /** @param onOk called as soon as the answer is there */
  async #ask(question: Question, limit: SilenceLimit, onOk?: (ok: OkFrame) => void): Promise<OkFrame> {
    const id = ++this.#lastId
    const answer = new Promise<OkFrame>((resolve, reject) => {
      if (this.over.aborted) reject(new WayLost('The socket is closed.'))
      const take = (ok: OkFrame): void => {
        onOk?.(ok)
        resolve(ok)
      }
      this.#answers.set(id, { resolve: take, reject })
    })
    this.#send({ ...question, id })
    try {
      return await within(answer, limit, this.#delay, this.#url)
    } finally {
      this.#answers.delete(id)
    }
  }

  #send(frame: object): void {
    if (!this.over.aborted) this.#socket.send(JSON.stringify(frame))
  }

  #hear(data: unknown): void {
    this.#watch?.listen()
    if (typeof data === 'string') {
      const frame = data.length > MAX_TEXT ? null : readServerFrame(data)
      if (frame === null) this.end()
      else if (frame !== 'unknown') this.#heed(frame)
      return
    }
    const isFrame = data instanceof ArrayBuffer && data.byteLength <= MAX_FRAME_BYTES
    const frame = isFrame ? decodeDataFrame(new Uint8Array(data)) : null
    const { sub = -1, ending } = frame?.header ?? {}
    if (this.#leaving.has(sub)) return
    const subscription = this.#subscriptions.get(sub)
    // Whoever sends what nobody asked for cannot be trusted with what was.
    if (frame === null || subscription === undefined) return this.end()
    subscription.take(frame)
    if (ending !== undefined) this.#forget(sub)
  }

  #heed(frame: KnownFrame): void {
    switch (frame.type) {
      case 'welcome': {
        const limit = { stepMs: frame.heartbeat * 1000, steps: HEARTBEAT_STEPS }
        this.#watch ??= new SilenceWatch(limit, this.#delay, () => this.end())
        this.#watch.listen()
        this.#welcome?.resolve()
        return
      }
      case 'ping':
        return this.#send({ type: 'pong' })
      case 'ok':
        return this.#answers.get(frame.id)?.resolve(frame)
      case 'error': {
        const refusal = new StreamNotCarried('The socket refused.', frame.error.status)
        if (frame.id !== null) return this.#answers.get(frame.id)?.reject(refusal)
        // It did not understand: one of the two speaks another protocol.
        return this.end()
      }
      case 'dropped': {
        const { sub, error } = frame
        this.#subscriptions.get(sub)?.fail(new StreamNotCarried('The socket dropped the stream.', error.status))
        return this.#forget(sub)
      }
    }
  }
}
