import type { ChannelOptions } from '../../../src/client/api.ts'
import { Connection, type ConnectionOptions } from '../../../src/client/connection.ts'
import { backPorts } from '../../../src/client/hub-start.ts'
import { HubChannel, type ChannelHost } from '../../../src/client/hub-channel.ts'
import { Hub, type HubOptions, type PingMessage, type Pings } from '../../../src/hub/hub.ts'
import type { Clock } from '../../../src/hub/hub-context.ts'
import { TabLink } from '../../../src/hub/tab-link.ts'
import { acquireLock, type Locks } from '../../../src/liveness/locks.ts'
import type { Way } from '../../../src/liveness/pair-channel.ts'
import type { EndingNotice } from '../../../src/protocol/ending-notice.ts'
import { HeadwaterError } from '../../../src/protocol/errors.ts'
import type { CredentialsRequest } from '../../../src/protocol/hub-port.ts'
import { hubLock } from '../../../src/protocol/names.ts'
import type { StoredSource } from '../../../src/protocol/source.ts'
import type { LogStore } from '../../../src/store/log-store.ts'
import { MemoryLogStore } from '../../../src/store/memory-store.ts'
import type { AppendUpstream } from '../../../src/upstream/append-upstream.ts'
import type {
  ConnectUpstream,
  UpstreamConnection,
  UpstreamFrame,
  UpstreamRequest,
} from '../../../src/upstream/upstream.ts'
import { FakeLocks } from '../../support/fake-locks.ts'

/** Resolves once the condition holds; turns of the event loop pass in between, no time. */
export async function until(condition: () => boolean | Promise<boolean>, what = 'a condition'): Promise<void> {
  for (let turn = 0; turn < 5_000; turn++) {
    if (await condition()) return
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
  throw new Error(`Waited in vain for ${what}.`)
}

/** Time that moves only when told. */
export class SteppedClock implements Clock {
  #now = 1_000_000
  #waiting: { at: number; done: () => void }[] = []

  now(): number {
    return this.#now
  }

  delay(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve()
      const abort = (): void => {
        this.#waiting = this.#waiting.filter((other) => other !== entry)
        resolve()
      }
      const done = (): void => {
        signal.removeEventListener('abort', abort)
        resolve()
      }
      const entry = { at: this.#now + ms, done }
      this.#waiting.push(entry)
      signal.addEventListener('abort', abort, { once: true })
    })
  }

  /** How many waits are under way. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** The machine sleeps: the time of day goes on, and what waits waits as long as before once it wakes. */
  sleep(ms: number): void {
    this.#now += ms
    for (const entry of this.#waiting) entry.at += ms
  }

  advance(ms: number): void {
    this.#now += ms
    const due = this.#waiting.filter(({ at }) => at <= this.#now)
    this.#waiting = this.#waiting.filter(({ at }) => at > this.#now)
    for (const { done } of due) done()
  }
}

interface OpenSocket {
  request: UpstreamRequest
  cut: (error: HeadwaterError) => void
  finish: () => void
}

/** An upstream whose units are released one by one, resumable by their count; remembers who asked for what. */
export class FakeUpstream {
  readonly units: (string | Uint8Array)[] = []
  readonly requests: UpstreamRequest[] = []
  readonly sockets = new Set<OpenSocket>()
  ended = false
  /** Whether the response's head names an address for continuing. */
  resumable = true
  refusing = false
  most = 0
  /** Most sockets that one stream had at a time. */
  mostOfOne = 0
  /** While set, connections wait for it before their response's head comes. */
  slow: Promise<void> | null = null
  #wake = new Set<() => void>()

  release(...units: (string | Uint8Array)[]): void {
    this.units.push(...units)
    this.#poke()
  }

  end(): void {
    this.ended = true
    this.#poke()
  }

  socketsOf(streamId: string): number {
    return [...this.sockets].filter(({ request }) => request.streamId === streamId).length
  }

  /** All sockets break. */
  cut(): void {
    for (const socket of [...this.sockets]) socket.cut(new HeadwaterError('network', 'The socket was cut.'))
  }

  /** All bodies end without the evidence of an end. */
  finish(): void {
    for (const socket of [...this.sockets]) socket.finish()
  }

  #poke(): void {
    const waiting = [...this.#wake]
    this.#wake.clear()
    for (const wake of waiting) wake()
  }

  #throwIfBroken(broken: HeadwaterError | 'finished' | null): void {
    if (broken instanceof HeadwaterError) throw broken
  }

  readonly connect = async (request: UpstreamRequest, signal: AbortSignal): Promise<UpstreamConnection> => {
    await Promise.resolve()
    this.requests.push(request)
    if (this.refusing) throw new HeadwaterError('network', 'Connection refused.')
    let broken: HeadwaterError | 'finished' | null = null
    const socket: OpenSocket = {
      request,
      cut: (error) => {
        broken = error
        this.sockets.delete(socket)
        this.#poke()
      },
      finish: () => {
        broken = 'finished'
        this.sockets.delete(socket)
        this.#poke()
      },
    }
    this.sockets.add(socket)
    this.most = Math.max(this.most, this.sockets.size)
    this.mostOfOne = Math.max(this.mostOfOne, this.socketsOf(request.streamId))
    const aborted = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => {
        socket.cut(new HeadwaterError('aborted', 'Closed by its reader.'))
        resolve()
      })
      if (signal.aborted) socket.cut(new HeadwaterError('aborted', 'Closed by its reader.'))
    })
    if (this.slow) await Promise.race([this.slow, aborted])
    this.#throwIfBroken(broken)
    const read = this.#read.bind(this)
    return {
      head: {
        contentType: 'text/plain',
        dialect: 'text',
        resumeUrl: this.resumable ? 'http://upstream.test/resume' : null,
        cancelUrl: null,
        resumable: this.resumable,
      },
      [Symbol.asyncIterator]: () => read(request, () => broken),
    }
  }

  async *#read(
    request: UpstreamRequest,
    broken: () => HeadwaterError | 'finished' | null,
  ): AsyncGenerator<UpstreamFrame> {
    let at = Number(request.position.token ?? 0)
    for (;;) {
      const error = broken()
      if (error === 'finished') return
      if (error) throw error
      const unit = this.units[at]
      const position = { token: String(at + 1), skip: 0 }
      if (unit !== undefined) {
        at += 1
        yield { chunks: [{ time: 0, data: unit }], position, verdict: null }
      } else if (this.ended) {
        yield { chunks: [], position: { token: String(at), skip: 0 }, verdict: null, ending: { kind: 'done' } }
        return
      } else {
        await new Promise<void>((resolve) => this.#wake.add(resolve))
      }
    }
  }
}

const never = new Promise<never>(() => undefined)

/** What a thread that spins does not get to see: everything that comes to it waits until it stops. */
class Thread {
  #running: Promise<void> = Promise.resolve()
  #run: (() => void) | null = null

  get spins(): boolean {
    return this.#run !== null
  }

  spin(): void {
    if (!this.#run) this.#running = new Promise((resolve) => (this.#run = resolve))
  }

  wake(): void {
    this.#run?.()
    this.#run = null
  }

  /** A promise as this thread sees it. */
  async see<T>(promise: Promise<T>): Promise<T> {
    try {
      return await promise
    } finally {
      if (this.spins) await this.#running
    }
  }

  locks(locks: Locks): Locks {
    const request = (name: string, options: LockOptions, held: LockGrantedCallback<unknown>): Promise<unknown> =>
      this.see(
        locks.request(name, options, async (lock) => {
          await this.#running
          return held(lock)
        }),
      )
    return { request: request as Locks['request'] }
  }

  /** A port whose messages this thread takes in. */
  port(port: MessagePort): Way {
    const heard = new EventTarget()
    port.addEventListener('message', ({ data, ports }: MessageEvent<unknown>) => {
      void this.#running.then(() => heard.dispatchEvent(new MessageEvent('message', { data, ports: [...ports] })))
    })
    return {
      postMessage: (message, transfer = []) => port.postMessage(message, transfer),
      addEventListener: heard.addEventListener.bind(heard),
      removeEventListener: heard.removeEventListener.bind(heard),
      start: () => port.start(),
      close: () => port.close(),
    }
  }

  upstream(connect: ConnectUpstream): ConnectUpstream {
    return async (request, signal) => {
      const { head, [Symbol.asyncIterator]: iterate } = await this.see(connect(request, signal))
      return {
        head,
        [Symbol.asyncIterator]: () => {
          const frames = iterate()
          return {
            next: () => this.see(frames.next()),
            return: () => this.see(Promise.resolve(frames.return?.() ?? { done: true, value: undefined })),
          }
        },
      }
    }
  }
}

/** Whoever is behind these doors when it dies never hears another answer, and what it says goes nowhere. */
function mortal<T extends object>(doors: T, isDead: () => boolean, thread?: Thread, own: Partial<T> = {}): T {
  return new Proxy(doors, {
    get: (target, key) => {
      if (key in own) return Reflect.get(own, key) as unknown
      const value: unknown = Reflect.get(target, key)
      if (typeof value !== 'function') return value
      return (...args: unknown[]): unknown => {
        if (isDead()) return never
        const answer: unknown = Reflect.apply(value, target, args)
        if (!(answer instanceof Promise)) return answer
        const heard: Promise<unknown> = thread ? thread.see(answer) : answer
        return heard.then((result: unknown) => (isDead() ? never : result))
      }
    },
  })
}

interface HubEntry {
  tag: string
  hub: Hub
  ports: MessagePort[]
  sockets: AbortController
  dead: boolean
  zombie: boolean
  thread: Thread
  /** Tabs go to a hub of another name. */
  abandoned: boolean
}

/** A browser profile in one thread: a store, locks, an upstream, hubs that can be killed, tabs. */
export class World {
  readonly locks = new FakeLocks()
  readonly clock = new SteppedClock()
  readonly upstream = new FakeUpstream()
  readonly store: LogStore
  readonly cancelled: string[] = []
  /** What hubs told of endings, and where to. */
  readonly notices: (EndingNotice & { path: string | null })[] = []
  readonly #hubs: HubEntry[] = []
  /** The hubs' ends of each tab's ports. */
  readonly #tabs = new Map<string, MessagePort[]>()
  #starting: Promise<Hub> | null = null
  readonly #pings = new Set<Pings>()
  readonly #deadlines = new Map<string, { ping: () => Promise<unknown>; stuck: () => void }>()
  /** While true, no hub hears another. */
  pingsLost = false
  /** Whether a look at the upstream's server finds it. */
  reachable = true
  /** What browsers say of the network. */
  online = true
  #count = 0

  constructor(store: LogStore = new MemoryLogStore()) {
    this.store = store
  }

  /** The store as one hub sees it. */
  protected storeOf(_hub: string): LogStore | Promise<LogStore> {
    return this.store
  }

  /** How one hub reaches upstream. */
  protected connectOf(_hub: string): ConnectUpstream {
    return (request, signal) => this.upstream.connect(request, signal)
  }

  /** The sockets that one hub's streams share. */
  protected socketsOf(_hub: string): HubOptions['sockets'] {
    return undefined
  }

  /** How one hub writes to a server. */
  protected appendOf(_hub: string): AppendUpstream {
    return () => Promise.reject(new HeadwaterError('network', 'There is no server to write to.'))
  }

  /** A tab's end of its port to a hub. */
  protected wire(_tab: string, port: MessagePort): MessagePort {
    return port
  }

  /** Starts a hub; later tabs attach to this one. */
  async startHub(): Promise<Hub> {
    const tag = `hub${++this.#count}`
    const locks = this.locks.agent(tag)
    await acquireLock(locks, hubLock(tag))
    const pings: Pings = {
      onmessage: null,
      postMessage: (message: PingMessage) => {
        for (const other of this.#pings) {
          if (other !== earpiece && !this.pingsLost)
            queueMicrotask(() => other.onmessage?.(new MessageEvent('message', { data: message })))
        }
      },
      close: () => this.#pings.delete(earpiece),
    }
    const thread = new Thread()
    // Heard by the thread, not by the channel.
    const earpiece: Pings = {
      onmessage: (event) => void thread.see(Promise.resolve()).then(() => pings.onmessage?.(event)),
      postMessage: () => undefined,
      close: () => undefined,
    }
    this.#pings.add(earpiece)
    const sockets = new AbortController()
    const isDead = (): boolean => entry?.dead === true
    let entry: HubEntry | undefined = undefined
    const store = await this.storeOf(tag)
    const sharing = this.socketsOf(tag)
    const connect = thread.upstream(this.connectOf(tag))
    const append = this.appendOf(tag)
    const hub = new Hub({
      bootId: tag,
      tier: 'shared-worker',
      // Every hub has its own handle of the one store.
      store: mortal(store, isDead, thread, store === this.store ? { close: () => undefined } : {}),
      locks: thread.locks(locks),
      pings,
      // The browser closes what a dead worker had open.
      connect: (request, signal) => connect(request, AbortSignal.any([signal, sockets.signal])),
      ...(sharing && { sockets: sharing }),
      cancel: ({ url }) => {
        this.cancelled.push(url)
        return Promise.resolve()
      },
      reach: () => Promise.resolve(this.reachable),
      append: (request, headers, signal) => mortal({ append }, isDead, thread).append(request, headers, signal),
      ended: (notice, path) => void this.notices.push({ ...notice, path }),
      // A transaction that was on its way when its hub died still asks what time it is.
      clock: { now: () => this.clock.now(), delay: (...args) => mortal(this.clock, isDead, thread).delay(...args) },
      random: () => 0.5,
      online: () => this.online,
      // The worker ends, and its locks are free.
      retired: () => this.killHub(hub),
    })
    entry = { tag, hub, ports: [], sockets, dead: false, zombie: false, thread, abandoned: false }
    this.#hubs.push(entry)
    return hub
  }

  #newest(): HubEntry | undefined {
    return this.#hubs.filter(({ zombie, abandoned }) => !zombie && !abandoned).at(-1)
  }

  /** Whether any hub lives. */
  get hasHub(): boolean {
    return this.#newest() !== undefined
  }

  get hub(): Hub {
    return (this.#newest() as HubEntry).hub
  }

  /** All hubs that were not taken for dead, the newest last. */
  get hubs(): readonly Hub[] {
    return this.#hubs.filter(({ zombie }) => !zombie).map(({ hub }) => hub)
  }

  /** Whether any hub lost its locks without knowing. */
  get hasZombies(): boolean {
    return this.#hubs.some(({ zombie }) => zombie)
  }

  /** Whether this hub lost its locks without knowing. */
  isZombie(tag: string): boolean {
    return this.#hubs.some((entry) => entry.tag === tag && entry.zombie)
  }

  /** A hub (default: the newest) dies at once: its ports fall silent, its sockets break, its locks are free. */
  killHub(hub = this.#newest()?.hub): void {
    const i = this.#hubs.findIndex((entry) => entry.hub === hub)
    const [dead] = this.#hubs.splice(i, 1)
    if (dead === undefined) return
    dead.dead = true
    for (const port of dead.ports) port.close()
    dead.sockets.abort()
    this.locks.kill(dead.tag)
  }

  /** A hub (default: the newest) is taken for dead, and goes on without knowing: its locks are others', and no lock tells it so. */
  makeZombie(hub = this.hub): void {
    const entry = this.#hubs.find((other) => other.hub === hub)
    if (entry === undefined) return
    entry.zombie = true
    this.locks.kill(entry.tag)
  }

  /** A tab crashes: its locks are free, nobody hears from it, and what it was about to do it never does. */
  killTab(tag: string): void {
    this.#tabs.get(tag)?.forEach((port) => port.close())
    this.locks.kill(tag)
  }

  /** A hub (default: the newest) spins: it holds its locks and does nothing, until it is woken. */
  spin(hub = this.hub): void {
    this.#hubs.find((entry) => entry.hub === hub)?.thread.spin()
  }

  wake(hub: Hub): void {
    this.#hubs.find((entry) => entry.hub === hub)?.thread.wake()
  }

  /** The deadline of a visible tab passes: it leaves its hub if that one does not answer. */
  async passDeadline(tag: string): Promise<void> {
    const { ping, stuck } = this.#deadlines.get(tag) ?? {}
    let answered = false
    void ping?.().then(() => (answered = true))
    for (let turn = 0; turn < 50; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
    if (!answered) stuck?.()
  }

  /** A tab with its own connection, to whichever hub is newest at the time. */
  openTab(
    headers: (request: CredentialsRequest) => Promise<readonly (readonly [string, string])[] | null> = () =>
      Promise.resolve(null),
    told: ConnectionOptions['told'] = {},
  ): { tag: string; connection: Connection; channel: (name: string, options?: ChannelOptions) => HubChannel } {
    const tag = `tab${++this.#count}`
    const connection = new Connection({
      start: async () => {
        if (this.#newest() === undefined) {
          this.#starting ??= this.startHub().finally(() => (this.#starting = null))
          await this.#starting
        }
        const entry = this.#newest() as HubEntry
        const { port1, port2 } = new MessageChannel()
        entry.ports.push(port2)
        this.#tabs.set(tag, [...(this.#tabs.get(tag) ?? []), port2])
        new TabLink(entry.hub, entry.thread.port(port2))
        return {
          port: this.wire(tag, port1),
          ...backPorts(),
          failed: new Promise<never>(() => undefined),
          abandon: () => void (entry.abandoned = true),
        }
      },
      visible: () => true,
      whenStuck: (ping) => new Promise((stuck) => this.#deadlines.set(tag, { ping, stuck })),
      locks: this.locks.agent(tag),
      givesHeaders: true,
      headers,
      told,
    })
    const secrets = new Map<string, readonly (readonly [string, string])[]>()
    const host: ChannelHost = {
      connection,
      givesHeaders: false,
      keepSecrets: (streamId, kept) => void secrets.set(streamId, kept),
      secretsOf: (streamId) => secrets.get(streamId),
    }
    return { tag, connection, channel: (name, channelOptions = {}) => new HubChannel(host, name, channelOptions) }
  }

  async close(): Promise<void> {
    // A zombie waits for locks that nobody gives it: it cannot leave in order.
    for (const { hub, zombie } of this.#hubs) if (!zombie) await hub.close()
  }
}

export const source = (change: Partial<StoredSource> = {}): StoredSource => ({
  url: 'http://upstream.test/',
  method: 'GET',
  headers: [],
  body: null,
  format: 'text',
  dialect: null,
  terminal: null,
  resume: null,
  cancel: null,
  idempotent: true,
  retries: 3,
  credentials: false,
  ...change,
})
