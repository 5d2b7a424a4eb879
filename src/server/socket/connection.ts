import type { ClientFrame, ServerFrame, SubscribeFrame } from '../../protocol/socket.ts'
import { SOCKET_CLOSE } from '../../protocol/socket.ts'
import { Refusal } from '../answers.ts'
import { answerRequest } from './answer-request.ts'
import { FrameAllowance } from './frame-allowance.ts'
import type { Handshake } from './handshake.ts'
import type { OpenSocket, SocketReceiver } from './open-socket.ts'
import { parseFrame } from './parse-frame.ts'
import { RequestLine } from './request-line.ts'
import type { SocketServices } from './socket-services.ts'
import { makeSubscription } from './subscribe.ts'
import type { Subscription } from './subscription.ts'

/** Heartbeats of silence after which a client is taken for gone, as clients do with servers (PROTOCOL.md 4.1). */
const SILENT_BEATS = 4

/** A client that cannot be held up, and asks on although requests of so many times the watermark still wait, is not served any more. */
const MAX_WATERMARKS = 4

const PING = JSON.stringify({ type: 'ping' } satisfies ServerFrame)

interface Subscribed {
  readonly subscription: Subscription
  /** Whether the client knows that it has it: nothing is sent before. */
  isAnswered: boolean
  leave: () => void
}

export interface ConnectionOptions {
  readonly services: SocketServices
  readonly socket: OpenSocket
  readonly handshake: Handshake
  /** Names the socket in presence. */
  readonly watcher: string
  /** There is more to send than there is room for. */
  readonly onStalled: (connection: Connection) => void
  readonly onClosed: (connection: Connection) => void
}

/** One socket: its subscriptions, each with its turn, and the answers to what it asks. */
export class Connection implements SocketReceiver {
  readonly #options: ConnectionOptions
  readonly #allowance: FrameAllowance
  readonly #requests: RequestLine
  readonly #subscribed = new Map<number, Subscribed>()
  /** Subscriptions that may have a frame, in the order of their turns. */
  readonly #ready = new Set<Subscription>()
  #heardAt: number
  /** Since when there was no room. */
  #stalledAt: number | null = null
  /** Requests wait, and so does what the client sends meanwhile. */
  #isHeldUp = false
  #isClosed = false

  constructor(options: ConnectionOptions) {
    this.#options = options
    const { context, limits } = options.services
    this.#allowance = new FrameAllowance(limits.framesPerSecond, context.now)
    this.#requests = new RequestLine({
      hasRoom: () => this.#hasRoom(),
      onStalled: () => this.#stall(),
      onWaiting: (isWaiting) => this.#holdUp(isWaiting),
    })
    this.#heardAt = context.now()
    this.#say({
      type: 'welcome',
      heartbeat: Math.ceil(context.heartbeatMs / 1000),
      watcher: options.watcher,
      limits: {
        frameBytes: limits.maxFrameBytes,
        subscriptions: limits.maxSubscriptions,
        framesPerSecond: limits.framesPerSecond,
      },
    })
  }

  receive(text: unknown): void {
    if (this.#isClosed) return
    const { services } = this.#options
    this.#heardAt = services.context.now()
    if (typeof text === 'string' && text.length > services.limits.maxFrameBytes) {
      return this.close(SOCKET_CLOSE.refused, 'too-large')
    }
    const parsed = parseFrame(text)
    const allowed = this.#allowance.spend()
    if (allowed === 'flood') return this.close(SOCKET_CLOSE.refused, 'too-fast')
    if ('refusal' in parsed) return this.#refuseInTurn(parsed.id, parsed.refusal)
    const { frame } = parsed
    if (frame.type === 'pong') return
    if (frame.type === 'ack') return this.#subscribed.get(frame.sub)?.subscription.acknowledge(frame.bytes)
    if (allowed === 'too-fast') {
      const message = `At most ${services.limits.framesPerSecond} frames a second are taken. Send this one again later.`
      return this.#refuseInTurn(frame.id, new Refusal(429, 'too-fast', message))
    }
    this.#ask(String(text).length, () => this.#answer(frame))
  }

  drained(): void {
    if (this.#stalledAt !== null) this.#pump()
  }

  closed(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#requests.clear()
    for (const sub of [...this.#subscribed.keys()]) this.#forget(sub)
    this.#options.onClosed(this)
  }

  /** Says why, and ends everything. */
  close(code: number, reason: string): void {
    if (this.#isClosed) return
    this.closed()
    this.#options.socket.close(code, reason)
  }

  /** To be called as often as was promised. */
  beat(): void {
    const { context, limits } = this.#options.services
    if (!this.#isHeldUp && context.now() - this.#heardAt > SILENT_BEATS * context.heartbeatMs) {
      this.close(SOCKET_CLOSE.tooSlow, 'silent')
    } else if (this.#options.socket.bufferedAmount < limits.watermarkBytes) {
      this.#options.socket.send(PING)
    }
  }

  /** Looks whether there is room again. Returns whether there is; one that had none for too long is closed. */
  retry(): boolean {
    this.drained()
    if (this.#stalledAt === null || this.#isClosed) return true
    const { context, limits } = this.#options.services
    if (context.now() - this.#stalledAt <= limits.stallMs) return false
    this.close(SOCKET_CLOSE.tooSlow, 'too-slow')
    return true
  }

  #ask(size: number, answer: () => Promise<void>): void {
    const { watermarkBytes, maxFrameBytes } = this.#options.services.limits
    if (this.#requests.size > MAX_WATERMARKS * watermarkBytes + maxFrameBytes) {
      return this.close(SOCKET_CLOSE.tooSlow, 'too-slow')
    }
    this.#requests.add({ size, answer })
  }

  /** Also these are answers, which somebody has to read. */
  #refuseInTurn(id: number | null, refusal: Refusal): void {
    this.#ask(refusal.message.length, () => Promise.resolve(this.#refuse(id, refusal)))
  }

  #holdUp(isHeldUp: boolean): void {
    this.#isHeldUp = isHeldUp
    const { services, socket } = this.#options
    if (isHeldUp) return socket.pause?.()
    this.#heardAt = services.context.now()
    socket.resume?.()
  }

  #answer(frame: ClientFrame): Promise<void> {
    return this.#perform(frame).then(
      (answer) => {
        this.#say({ type: 'ok', id: frame.id, ...answer })
        if (frame.type === 'subscribe') this.#begin(frame.sub)
      },
      (error: unknown) => {
        if (!(error instanceof Refusal)) this.#options.services.onError(error)
        const internal = (): Refusal => new Refusal(500, 'internal', 'The server failed. Its log says why; try again.')
        this.#refuse(frame.id, error instanceof Refusal ? error : internal())
      },
    )
  }

  async #perform(frame: ClientFrame): Promise<object> {
    const { services, handshake } = this.#options
    switch (frame.type) {
      case 'subscribe':
        return this.#subscribe(frame)
      case 'unsubscribe':
        if (!this.#subscribed.has(frame.sub)) throw new Refusal(404, 'unknown-sub', 'There is no such subscription.')
        this.#forget(frame.sub)
        return {}
      case 'ping':
        return {}
      default:
        return answerRequest(services, handshake, frame)
    }
  }

  async #subscribe(frame: SubscribeFrame): Promise<object> {
    const { services, handshake, watcher } = this.#options
    const { sub } = frame
    if (this.#subscribed.has(sub)) throw new Refusal(409, 'sub-taken', `There is a subscription ${sub} already.`)
    if (this.#subscribed.size >= services.limits.maxSubscriptions) {
      const message = `A socket has at most ${services.limits.maxSubscriptions} subscriptions. End one, or open another socket.`
      throw new Refusal(429, 'too-many-subscriptions', message)
    }
    const host = { ready: () => mine.isAnswered && this.#wake(subscription), over: () => this.#forget(sub) }
    const { subscription, channel } = makeSubscription(services, handshake, frame, host)
    const mine: Subscribed = { subscription, isAnswered: false, leave: () => {} }
    this.#subscribed.set(sub, mine)
    try {
      const answer = await subscription.open()
      if (channel !== null && this.#subscribed.get(sub) === mine) {
        mine.leave = services.presence.enter(channel, watcher, frame.as ?? null)
      }
      return answer
    } catch (error) {
      if (this.#subscribed.get(sub) === mine) this.#forget(sub)
      throw error
    }
  }

  #forget(sub: number): void {
    const mine = this.#subscribed.get(sub)
    if (mine === undefined) return
    this.#subscribed.delete(sub)
    this.#ready.delete(mine.subscription)
    mine.subscription.close()
    mine.leave()
  }

  #begin(sub: number): void {
    const mine = this.#subscribed.get(sub)
    if (mine === undefined) return
    mine.isAnswered = true
    this.#wake(mine.subscription)
  }

  #wake(subscription: Subscription): void {
    // With nobody before it there is no line to stand in: that is the way of every event of a socket that keeps up.
    if (this.#ready.size === 0 && this.#hasRoom() && !this.#send(subscription)) return
    this.#ready.add(subscription)
    this.#pump()
  }

  /** The next answer, and one frame of each subscription in turn, as long as there is room. */
  #pump(): void {
    if (this.#hasRoom()) this.#stalledAt = null
    this.#requests.advance()
    for (const subscription of this.#ready) {
      if (!this.#hasRoom()) return this.#stall()
      this.#ready.delete(subscription)
      // To the end of the line: a set is walked in the order of insertion, also through what is added meanwhile.
      if (this.#send(subscription)) this.#ready.add(subscription)
    }
  }

  /** Comes back once there is room. */
  #stall(): void {
    if (this.#stalledAt !== null || this.#isClosed) return
    this.#stalledAt = this.#options.services.context.now()
    this.#options.onStalled(this)
  }

  #hasRoom(): boolean {
    return this.#options.socket.bufferedAmount < this.#options.services.limits.watermarkBytes
  }

  /** The next frame of a subscription, if it has one. Returns whether there may be one more. */
  #send(subscription: Subscription): boolean {
    const frame = subscription.next()
    if (frame === null) return false
    this.#options.socket.send(frame)
    return subscription.hasMore
  }

  #refuse(id: number | null, { code, message, status }: Refusal): void {
    this.#say({ type: 'error', id, error: { code, message, status } })
  }

  #say(frame: ServerFrame): void {
    if (!this.#isClosed) this.#options.socket.send(JSON.stringify(frame))
  }
}
