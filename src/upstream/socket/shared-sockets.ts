import { HEADER } from '../../protocol/http.ts'
import type { FrameHeaders } from '../../protocol/socket.ts'
import { isSafe } from '../build-request.ts'
import { ALREADY_OVER, type CancelRequest } from '../cancel-upstream.ts'
import { startOffset } from '../durable-stream.ts'
import { Progress } from '../progress.ts'
import { findEvidence, readHead, sameOrigin, type Format } from '../read-head.ts'
import type { SharedTarget, UpstreamConnection, UpstreamFrame, UpstreamHead, UpstreamRequest } from '../upstream.ts'
import { StreamNotCarried, WayLost } from '../way-lost.ts'
import { cancelTarget } from './cancel-target.ts'
import { readSubscription } from './read-subscription.ts'
import { SocketWay, type SocketSurroundings } from './socket-way.ts'

/** Addresses that are remembered; one that was forgotten is learned again from its next response. */
const MAX_OFFERS = 1_000
/** Times that a stream may be sent back from the socket, one after the other, before it is left where it is. */
const MAX_REFUSALS = 3

/** A stream that a response said could be had over the socket. */
interface Offer {
  /** Its path on the server. */
  stream: string
  /** Content type of the events of a model's run; `null` where the stream is read as it is. */
  runType: string | null
  /** The socket sent it back: it is read over HTTP, whose next answer offers it again. */
  refused: boolean
  /** How often, since it brought something last. */
  refusals: number
}

/**
 * The sockets of a hub: one per server that offers one, shared by all its streams and by verbs.
 *
 * That a server has one is learned from its answers over HTTP. From then on it is opened, aside, while streams are read from that server; once
 * it is open they move there, each by a clean reconnect from its committed position (hand-over rule 6), and back in the same way when it breaks.
 */
export class SharedSockets {
  readonly #around: SocketSurroundings
  /** By the origin of the streams. */
  readonly #ways = new Map<string, SocketWay>()
  /** By the address that is read; the oldest first. */
  readonly #offers = new Map<string, Offer>()
  /** Called whenever a socket has been opened: streams may go on there. */
  onopen: (() => void) | null = null

  constructor(around: SocketSurroundings) {
    this.#around = around
  }

  /** Whether a request goes over a socket now, and so takes no connection of its own. */
  carries(target: SharedTarget): boolean {
    const address = addressOf(target)
    if (address === null || this.#linkTo(address) === null) return false
    const offer = this.#offers.get(address)
    return offer === undefined ? isNamedStream(target) : !offer.refused
  }

  /**
   * Learns from a response what can be had over the socket.
   * @returns where the stream is one, the way to say that its connection is over; until then the socket is wanted
   */
  learn(request: UpstreamRequest, response: Response, url: string, format: Format, head: UpstreamHead): () => void {
    const nothing = (): void => undefined
    const { headers } = response
    const socket = sameOrigin(headers.get(HEADER.socket), url, request.source.url)
    if (socket === null || headers.get(HEADER.closed) === 'true') return nothing
    const run = format === 'sse' ? sameOrigin(headers.get('location'), url, request.source.url) : null
    const address = format === 'durable-stream' ? addressOf(request) : run
    if (address === null || (run !== null && run !== head.resumeUrl)) return nothing
    const offer = this.#remember(address, run === null ? null : (head.contentType ?? 'text/event-stream'))
    if (offer.refusals >= MAX_REFUSALS) return nothing
    offer.refused = false
    return this.#wayTo(address, socket).want()
  }

  /** Nothing of this address's server can be reached: that its socket could not be, says nothing of the socket. */
  unreachable(url: string): void {
    this.#ways.get(new URL(url).origin)?.forgive()
  }

  /** The network may be another one, or the machine slept: tries again at once, and looks whether what is open still lives. */
  nudge(): void {
    for (const way of this.#ways.values()) {
      way.forgive()
      void way.link?.probe()
    }
  }

  /**
   * Opens a stream over the socket, at the request's position.
   * @throws {WayLost} where there is no socket, or it sends the stream back; `aborted`
   */
  async connect(request: UpstreamRequest, signal: AbortSignal): Promise<UpstreamConnection> {
    const address = addressOf(request)
    const link = address === null ? null : this.#linkTo(address)
    if (address === null || link === null) throw new WayLost('No socket is open.')
    const offer = this.#offers.get(address) ?? this.#remember(address, null)
    const offset = startOffset(address, request.position.token)
    const what = { stream: offer.stream, offset, headers: frameHeaders(request.headers) }
    const { subscription, opened } = await noting(offer, link.subscribe(what, signal))
    const { contentType } = opened
    const isRun = offer.runType !== null
    const format = isRun ? 'sse' : 'durable-stream'
    const response = new Response(null, { headers: { 'content-type': offer.runType ?? contentType } })
    const head = readHead(request, response, address, format)
    const progress = new Progress(request.position, findEvidence(request, format, head.dialect).rules, request.verdict)
    const frames = readSubscription(subscription, { contentType, isRun }, progress, this.#around.now)
    return { head, [Symbol.asyncIterator]: () => leaving(offer, frames, () => subscription.leave(null)) }
  }

  /** Tells a producer to stop, over a socket that is open. False where it could not be told that way. */
  async cancel({ url, headers = [] }: CancelRequest): Promise<boolean> {
    const target = cancelTarget(url)
    const link = this.#linkTo(url)
    if (target === null || link === null) return false
    try {
      await link.cancel({ ...target, headers: frameHeaders(headers) })
      return true
    } catch (error) {
      return error instanceof StreamNotCarried && ALREADY_OVER.includes(error.status ?? 0)
    }
  }

  close(): void {
    for (const way of this.#ways.values()) way.close()
  }

  #linkTo(url: string): SocketWay['link'] {
    return this.#ways.get(new URL(url).origin)?.link ?? null
  }

  #wayTo(address: string, socket: string): SocketWay {
    const { origin } = new URL(address)
    let way = this.#ways.get(origin)
    if (way === undefined) {
      way = new SocketWay(socket, this.#around, () => this.onopen?.())
      this.#ways.set(origin, way)
    }
    return way
  }

  #remember(address: string, runType: string | null): Offer {
    const { pathname, search } = new URL(address)
    const known = this.#offers.get(address)
    const offer = known ?? { stream: '', runType, refused: false, refusals: 0 }
    // The query of a durable stream's address is about the read.
    offer.stream = runType === null ? pathname : pathname + search
    offer.runType = runType
    this.#offers.delete(address)
    this.#offers.set(address, offer)
    const [oldest] = this.#offers.keys()
    if (this.#offers.size > MAX_OFFERS && oldest !== undefined) this.#offers.delete(oldest)
    return offer
  }
}

/** The address that a request reads; `null` where it does more than read. */
function addressOf({ source, resumeUrl, resuming }: SharedTarget): string | null {
  if (resuming && resumeUrl !== null) return resumeUrl
  return isSafe(source.method) ? source.url : null
}

/** Whether a request says by itself that it reads a durable stream: where its server has a socket, it can be asked for there at once. */
function isNamedStream({ source, resumeUrl }: SharedTarget): boolean {
  return source.format === 'durable-stream' && resumeUrl === null
}

/** Headers that a page cannot set with `fetch` either, which passes over them: a socket refuses them. */
const FORBIDDEN =
  /^(?:cookie2?|host|origin|referer|connection|upgrade|te|trailer|via|date|dnt|expect|keep-alive|content-length|transfer-encoding|(?:sec|proxy)-.*)$/i

/** Credentials, as a frame carries them. */
function frameHeaders(headers: UpstreamRequest['headers']): FrameHeaders {
  return Object.fromEntries(headers.filter(([name]) => !FORBIDDEN.test(name)))
}

/** What `work` brings; that the socket sent the stream back is remembered. */
async function noting<T>(offer: Offer, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (error instanceof StreamNotCarried) {
      offer.refused = true
      offer.refusals += 1
    }
    throw error
  }
}

async function* leaving(
  offer: Offer,
  frames: AsyncGenerator<UpstreamFrame>,
  leave: () => void,
): AsyncGenerator<UpstreamFrame> {
  try {
    for (;;) {
      const { done, value } = await noting(offer, frames.next())
      if (done === true) return
      offer.refusals = 0
      yield value
    }
  } finally {
    leave()
  }
}
