import * as Comlink from 'comlink'
import { nanoid } from 'nanoid'
import { acquireLock, whenFree, type Locks } from '../liveness/locks.ts'
import { orAborted } from '../liveness/or-aborted.ts'
import { HeadwaterError } from '../protocol/errors.ts'
import type { Batch, CredentialsRequest, Hello, HubPort, ReaderCancel, Reply, TabPort } from '../protocol/hub-port.ts'
import { hubLock, tabLock } from '../protocol/names.ts'
import type { PlacedEvent } from '../protocol/produce.ts'
import type { StreamInfo } from '../protocol/snapshot.ts'
import { MIN_PROTOCOL_VERSION, PROTOCOL_VERSION } from '../protocol/version.ts'
import type { HubInfo } from './api.ts'
import type { HubStart } from './hub-start.ts'

/** How long a hello may stay without a welcome (hand-over rule 5). A worker starts and opens its database in a tenth of this on slow machines. */
const HELLO_DEADLINE_MS = 5_000
/** The same for the first hello after a hub's death: some go to the dying one although its lock is free (1 in 200 in Chromium 156). */
const FIRST_HELLO_DEADLINE_MS = 1_500
/** So many starts may fail before `ready` does. */
const MAX_FAILED_STARTS = 3
/** Pause before the next start after a failed one, in milliseconds, times the number of failures before that one. */
const RESTART_MS = 500

export interface ConnectionOptions {
  start: (clientId: string) => Promise<HubStart>
  /** Absent in insecure contexts: the hub is then in this page, and dies with it. */
  locks: Locks | undefined
  headers: (request: CredentialsRequest) => Promise<readonly (readonly [string, string])[] | null>
  givesHeaders: boolean
  /** What an application tells every hub. */
  told?: Pick<Hello, 'notify' | 'storageLimit'>
  /** Whether a person sees this page. A hidden page blames no hub. */
  visible: () => boolean
  /** Resolves once the hub is found not to answer. Absent: only a hello has a deadline. */
  whenStuck?: (ping: () => Promise<unknown>, signal: AbortSignal) => Promise<void>
}

/** One connection to one life of a hub. */
export interface Live {
  hub: Comlink.Remote<HubPort>
  info: HubInfo
  /** Aborts, with `hub-lost`, when the hub is gone. */
  lost: AbortSignal
}

/** What a connection knows of a cursor: enough to attach it to each life of the hub, and to hand it what comes. */
export interface HubCursor {
  /** Whether it only shows: a page that nobody sees can do without it. */
  readonly shows?: (() => boolean) | undefined
  attach(live: Live): Promise<void>
  /** Answers with the seq wanted next. */
  deliver(batch: Batch): Promise<number>
  gone(streamId: string, createdAt?: number): Promise<void>
  /** What it has shown may not be what the next hub has: to be read again from the start. */
  rewind(): void
  failed(error: HeadwaterError): void
}

/** What a page does when streams change ({@link HubPort.watch}). */
export interface Watcher {
  connected(): void
  changed(streamId: string, info: StreamInfo | null): void
}

/** What a page does when events of a channel are published ({@link HubPort.listen}). */
export interface EventSink {
  connected(): void
  published(event: PlacedEvent): void
}

const closedError = (): HeadwaterError => new HeadwaterError('closed', 'This page has closed its hub.')

/** Why no hub could be started. An application's own `worker` may throw anything. */
function toStartError(thrown: unknown): HeadwaterError {
  if (thrown instanceof HeadwaterError) return thrown
  return new HeadwaterError('worker-failed', `The hub could not be started: ${String(thrown)}`, undefined, {
    cause: thrown,
  })
}

const lostError = (): HeadwaterError => new HeadwaterError('hub-lost', 'The hub is gone.')

/**
 * This page's way to a hub, whichever lives: makes the handshake, notices the hub's death by its lock, and starts over. Everything that lasts
 * (cursors, watchers) is registered here and attached anew to each hub.
 */
export class Connection {
  readonly #options: ConnectionOptions
  readonly #cursors = new Map<number, HubCursor>()
  /** Cursors that are about to be attached for the first time. */
  readonly #added = new Set<number>()
  #nextCursorId = 1
  #live: Live | null = null
  #waiting: { resolve: (live: Live) => void; reject: (error: HeadwaterError) => void }[] = []
  #failure: HeadwaterError | null = null
  /** The hub before did not answer in time: told to the next one (rule 14). */
  #left = false
  #failures = 0
  #paused = false
  /** Nobody sees this page and it wants nothing: connected again as soon as either changes. */
  #resting = false
  /** Calls that have no answer yet. */
  #calls = 0
  #closed = false
  /** Ends the present connection. */
  #drop: (() => void) | null = null
  #wake: (() => void) | null = null
  watcher: Watcher | null = null
  /** By channel. */
  readonly listeners = new Map<string, EventSink>()
  /** Called when this page leaves, for the back-forward cache or for good: what it holds beyond this connection has to go too. */
  readonly leaving = new Set<() => void>()

  constructor(options: ConnectionOptions) {
    this.#options = options
    void this.#run()
  }

  get locks(): Locks | undefined {
    return this.#options.locks
  }

  get info(): HubInfo | null {
    return this.#live?.info ?? null
  }

  /** The present connection, or the next one. Rejects while no hub can be started. */
  connected(): Promise<Live> {
    if (this.#closed) return Promise.reject(closedError())
    if (this.#live) return Promise.resolve(this.#live)
    this.#stir()
    if (this.#failure) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  /**
   * Asks the hub. Asked again of the next one when the hub dies: every request names what it is about, so that twice is once (rule 13).
   * @param once not where nothing durable stood behind the hub: what it has done its successor cannot know (rule 8)
   * @throws {HeadwaterError} `hub-lost` then, `closed`, or whatever the hub refused
   */
  async call<T>(ask: (hub: Comlink.Remote<HubPort>) => Promise<Reply<T>>, once = false): Promise<T> {
    for (;;) {
      const live = await this.connected()
      // It went in this very moment: its proxy is released.
      if (live !== this.#live) continue
      let reply: Reply<T>
      this.#calls += 1
      try {
        reply = await orAborted(ask(live.hub), live.lost)
      } catch (error) {
        if (!live.lost.aborted || (once && !live.info.durable)) throw error
        continue
      } finally {
        this.#calls -= 1
      }
      if (!reply.ok) throw HeadwaterError.from(reply.error)
      return reply.value
    }
  }

  /** Attaches a cursor to this hub and to every later one. Answers with its id. */
  add(cursor: HubCursor): number {
    const cursorId = this.#nextCursorId++
    this.#cursors.set(cursorId, cursor)
    this.#added.add(cursorId)
    this.#stir()
    // In a task of its own: the cursor learns its id first.
    queueMicrotask(() => {
      // Closed again, or attached with all others meanwhile.
      if (this.#cursors.get(cursorId) !== cursor || !this.#added.delete(cursorId)) return
      if (this.#live) void cursor.attach(this.#live)
      else if (this.#closed) cursor.failed(closedError())
      else if (this.#failure) cursor.failed(this.#failure)
    })
    return cursorId
  }

  /** @param cancel the reader was cancelled, not merely closed */
  remove(cursorId: number, cancel?: ReaderCancel): void {
    this.#cursors.delete(cursorId)
    this.#tell((hub) => hub.detach(cursorId, cancel))
  }

  /** For the back-forward cache: lets go of everything, until `resume()`. */
  pause(): void {
    this.#paused = true
    this.#leave()
    this.#drop?.()
  }

  resume(): void {
    this.#paused = false
    this.#wake?.()
  }

  /**
   * Nobody has seen this page for a while: where it does nothing but show, it lets go of the hub, which would wait on its lock and so exempt it
   * from the browser's freezing. A hub that lives in this page is kept.
   */
  rest(): void {
    if (!this.#live || this.#calls || this.info?.tier === 'page') return
    if ([...this.#cursors.values()].some((cursor) => !cursor.shows?.())) return
    this.#resting = true
    this.#drop?.()
  }

  #stir(): void {
    if (!this.#resting) return
    this.#resting = false
    this.#wake?.()
  }

  /** An attempt is worth while now: the page became visible, or the network is back. */
  nudge(): void {
    this.#stir()
    this.#wake?.()
    this.#tell((hub) => hub.nudge())
  }

  /** The hub is told too: one in this page has no lock to go by. */
  #leave(): void {
    for (const leave of this.leaving) leave()
    this.#tell((hub) => hub.bye())
  }

  /** What needs no answer: a hub that is gone needs not to hear it. */
  #tell(say: (hub: Comlink.Remote<HubPort>) => Promise<unknown>): void {
    if (this.#live) say(this.#live.hub).catch(() => undefined)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#leave()
    this.#drop?.()
    this.#wake?.()
    this.#fail(closedError())
  }

  /** Whoever waits is told (I8). */
  #fail(error: HeadwaterError): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const { reject } of waiting) reject(error)
    for (const cursor of [...this.#cursors.values()]) cursor.failed(error)
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      if (this.#paused || this.#resting) {
        await new Promise<void>((resolve) => (this.#wake = resolve))
        continue
      }
      try {
        await this.#connect()
        continue
      } catch (thrown) {
        // Leaving for the back-forward cache, or for good, is no failure.
        if (this.#closed || this.#paused || this.#resting) continue
        const error = toStartError(thrown)
        this.#failures += 1
        const final = error.code === 'incompatible'
        if (final || this.#failures >= MAX_FAILED_STARTS) {
          this.#failure = error
          this.#fail(error)
        }
        if (final) return
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        setTimeout(resolve, RESTART_MS * Math.min(this.#failures - 1, 10))
      })
    }
  }

  /** One connection, from the handshake to the hub's death. The steps are those of PROTOCOL.md, 2.1. Rejects where it did not come about. */
  async #connect(): Promise<void> {
    const { locks, start, visible, whenStuck } = this.#options
    const clientId = nanoid()
    const end = new AbortController()
    const lost = end.signal
    const drop = (this.#drop = () => end.abort(lostError()))
    // 1. Never used again: a duplicated tab, or a page from the cache, is another client.
    const held = await (locks && acquireLock(locks, tabLock(clientId)))
    const starting = start(clientId)
    let proxy: Comlink.Remote<HubPort> | null = null
    try {
      const { port, back, address, failed, abandon } = await orAborted(starting, lost)
      // Held for as long as the connection: a proxy may be collected in mid-call.
      const hub = (proxy = Comlink.wrap<HubPort>(port))
      Comlink.expose(
        this.#serve(() => this.#live),
        back,
      )
      // 2. to 4.
      const hello = {
        protocol: PROTOCOL_VERSION,
        minProtocol: MIN_PROTOCOL_VERSION,
        clientId,
        givesHeaders: this.#options.givesHeaders,
        ...this.#options.told,
        left: this.#left,
      }
      // Rule 14: all pages go to another hub, and this one leaves as soon as it can.
      const leave = (): void => {
        this.#left = true
        void hub.retire().catch(() => undefined)
        void abandon?.()
      }
      let timer: ReturnType<typeof setTimeout> | undefined
      const asked = Date.now()
      const deadlineMs = this.#failures > 0 ? HELLO_DEADLINE_MS : FIRST_HELLO_DEADLINE_MS
      const deadline = new Promise<never>((_, reject) => {
        timer = setTimeout(() => {
          // Once, the hello may have gone to a hub that was dying (rule 5). And a page whose own clock stood still knows nothing of the hub.
          if (this.#failures > 0 && visible() && Date.now() - asked < 1.5 * deadlineMs) leave()
          reject(
            new HeadwaterError('worker-failed', 'The hub does not answer. What is stored is safe. Reload the page.'),
          )
        }, deadlineMs)
      })
      const answer = Promise.race([hub.hello(hello, address), failed, deadline])
      const reply = await orAborted(answer, lost).finally(() => clearTimeout(timer))
      if (!reply.ok) throw HeadwaterError.from(reply.error)
      const { protocol, bootId, durable, tier } = reply.value
      // 5. Granted means that the hub is gone.
      const over =
        locks && tier !== 'page'
          ? whenFree(locks, hubLock(bootId), lost)
          : orAborted(new Promise<void>(() => undefined), lost)
      this.#up({ hub, info: { tier, durable, bootId, protocol }, lost })
      whenStuck?.(() => hub.ping(), lost).then(
        () => {
          leave()
          drop()
        },
        // It could not be loaded: the hub's lock still tells of its death.
        () => undefined,
      )
      await over.catch(() => undefined)
    } finally {
      // Nothing durable stood behind what this hub's views show: its successor may go on with another log, from an earlier place.
      if (this.#live?.info.durable === false) for (const cursor of this.#cursors.values()) cursor.rewind()
      this.#live = null
      this.#drop = null
      drop()
      held?.release()
      // Else Comlink keeps it, and all that calls without an answer hold, for ever.
      proxy?.[Comlink.releaseProxy]()
      // Also of a start that is still under way.
      starting.then(
        ({ port, back, leave }) => {
          // Comlink closes neither.
          port.close()
          back.close()
          if (this.#closed || this.#paused) leave?.()
        },
        () => undefined,
      )
    }
  }

  #up(live: Live): void {
    this.#live = live
    this.#failure = null
    this.#failures = 0
    this.#left = false
    const waiting = this.#waiting
    this.#waiting = []
    for (const { resolve } of waiting) resolve(live)
    // 6.
    this.#added.clear()
    for (const cursor of this.#cursors.values()) void cursor.attach(live)
    this.watcher?.connected()
    for (const listener of this.listeners.values()) listener.connected()
  }

  /** What the hub may ask of this page. */
  #serve(live: () => Live | null): TabPort {
    return {
      deliver: async (batch) => {
        // 7. Whatever comes from an earlier life of the hub is not for us (rule 10).
        const cursor = live()?.info.bootId === batch.bootId ? this.#cursors.get(batch.cursorId) : undefined
        return { next: cursor ? await cursor.deliver(batch) : batch.fromSeq }
      },
      gone: async (cursorId, ...stream) => {
        await this.#cursors.get(cursorId)?.gone(...stream)
      },
      streamChanged: (streamId, info) => Promise.resolve(this.watcher?.changed(streamId, info)),
      durable: async (durable) => {
        await Promise.resolve()
        const now = live()
        if (now) now.info = { ...now.info, durable }
        // Whoever watches looks at everything again.
        this.watcher?.connected()
      },
      published: (event) => Promise.resolve(this.listeners.get(event.channel)?.published(event)),
      headers: (request) => this.#options.headers(request),
    }
  }
}
