import type { Delay } from '../silence.ts'
import { SocketLink } from './socket-link.ts'
import type { OpenWebSocket } from './web-socket.ts'

/** How long a socket without streams stays open, in milliseconds: from one channel to the next a person takes seconds. */
const IDLE_MS = 15_000
/** A socket that lived for so long works; what ended it was no proxy that bears none. In milliseconds. */
const STEADY_MS = 30_000
/** After a socket that worked, the next one follows within so many milliseconds: a server that restarts must not find all its clients in one moment. */
const RETURN_MS = 1_000
/** The longest rest after sockets that failed, in milliseconds: who changes a proxy waits no longer to see it. */
const LONGEST_REST_MS = 300_000

/** What sockets take from their surroundings. */
export interface SocketSurroundings {
  open: OpenWebSocket
  /** Milliseconds since the epoch. */
  now: () => number
  delay: Delay
  /** From 0 (inclusive) to 1. */
  random: () => number
}

/**
 * The way to one server by socket: at most one is open, for as long as somebody wants it, and none of them waits for it: whoever would rather
 * use it reads by other means until {@link link} is there.
 *
 * A socket that cannot be opened, brings no welcome, or breaks within half a minute again and again, is tried again after 1, 2, 4 … seconds,
 * at most five minutes.
 */
export class SocketWay {
  readonly #url: string
  readonly #around: SocketSurroundings
  readonly #opened: () => void
  readonly #closed = new AbortController()
  #wants = 0
  #link: SocketLink | null = null
  #failures = 0
  #notBefore = 0
  #running = false
  #rest = new AbortController()
  #idle: AbortController | null = null

  /** @param opened called whenever a socket is open */
  constructor(url: string, around: SocketSurroundings, opened: () => void) {
    this.#url = url
    this.#around = around
    this.#opened = opened
  }

  /** The socket, where one is open. */
  get link(): SocketLink | null {
    return this.#link
  }

  /** Somebody would use a socket. Returns the way to take that back, which may be called twice. */
  want(): () => void {
    this.#wants += 1
    this.#count()
    if (!this.#running) void this.#run()
    let wanted = true
    return () => {
      if (!wanted) return
      wanted = false
      this.#wants -= 1
      this.#count()
    }
  }

  /** What failed before says nothing any more: the network is another one, or nothing of this server can be reached. */
  forgive(): void {
    this.#failures = 0
    this.#notBefore = 0
    this.#rest.abort()
  }

  close(): void {
    this.#closed.abort()
    this.#rest.abort()
    this.#link?.end()
    this.#idle?.abort()
  }

  get #isWanted(): boolean {
    return !this.#closed.signal.aborted && (this.#wants > 0 || (this.#link?.count ?? 0) > 0)
  }

  async #run(): Promise<void> {
    this.#running = true
    const { open, now, delay, random } = this.#around
    while (this.#isWanted) {
      this.#rest = new AbortController()
      if (this.#notBefore > now()) await delay(this.#notBefore - now(), this.#rest.signal)
      if (!this.#isWanted) break
      // Asked to rest for longer meanwhile, or woken early for nothing.
      if (this.#notBefore > now()) continue
      const link = await SocketLink.open(open, this.#url, delay, this.#closed.signal).catch(() => null)
      const works = link !== null && (await this.#use(link))
      this.#failures = works ? 0 : this.#failures + 1
      const rest = Math.min(1000 * 2 ** (this.#failures - 1), LONGEST_REST_MS)
      this.#notBefore = now() + (this.#failures === 0 ? random() * RETURN_MS : rest * (0.75 + random() / 2))
    }
    this.#running = false
  }

  /** Until it is over. Whether it worked: was steady, or was closed because nobody wanted it any more. */
  async #use(link: SocketLink): Promise<boolean> {
    const { now } = this.#around
    const openedAt = now()
    this.#link = link
    link.onchange = () => this.#count()
    this.#opened()
    this.#count()
    await new Promise<void>((resolve) => {
      if (link.over.aborted) resolve()
      link.over.addEventListener('abort', () => resolve(), { once: true })
    })
    const works = this.#idle !== null || now() - openedAt >= STEADY_MS
    this.#link = null
    this.#count()
    return works
  }

  /** Somebody came or went. */
  #count(): void {
    if (!this.#isWanted) this.#rest.abort()
    if (this.#link !== null && !this.#isWanted) this.#idle ??= this.#closeLater(this.#link)
    else {
      this.#idle?.abort()
      this.#idle = null
    }
  }

  #closeLater(link: SocketLink): AbortController {
    const idle = new AbortController()
    void this.#around.delay(IDLE_MS, idle.signal).then(() => {
      if (!idle.signal.aborted) link.end()
    })
    return idle
  }
}
