import * as Comlink from 'comlink'
import { whenFree } from '../liveness/locks.ts'
import { orAborted } from '../liveness/or-aborted.ts'
import { openPairChannel, type Way } from '../liveness/pair-channel.ts'
import { HeadwaterError, toErrorValue } from '../protocol/errors.ts'
import type {
  Attach,
  Attached,
  CredentialsRequest,
  HubPort,
  ReaderCancel,
  Reply,
  TabPort,
  Welcome,
} from '../protocol/hub-port.ts'
import { backChannel, checkChannelName, tabLock } from '../protocol/names.ts'
import type { PlacedEvent } from '../protocol/produce.ts'
import { MIN_PROTOCOL_VERSION, PROTOCOL_VERSION } from '../protocol/version.ts'
import {
  AckSchema,
  AttachSchema,
  CancelSchema,
  checkMessage,
  ForgetSchema,
  GivenHeadersSchema,
  HelloSchema,
  HistorySchema,
  ProduceSchema,
  PublishSchema,
  StartSchema,
  VerbSchema,
} from './check-message.ts'
import { checkedPort } from './checked-port.ts'
import { Cursor } from './cursor.ts'
import type { AttachedTab, Hub } from './hub.ts'
import type { SecretHeaders } from './secrets.ts'
import type { StreamSession } from './stream-session.ts'
import { snapshotOf } from './row.ts'
import { transferBatch } from './transfer-batch.ts'

/** Cursors that one tab may hold: far more than views on a screen, few enough to bound a faulty tab. */
const MAX_CURSORS = 1_000

/** A tab gives up when a welcome takes 5 seconds; who has not said hello after this is gone, and nothing else would tell: its lock's name is not known. */
const HELLO_DEADLINE_MS = 60_000
/** Events that wait for a tab. */
const MAX_EVENTS = 256

const tabGone = (): HeadwaterError => new HeadwaterError('closed', 'The tab is gone.')

/** The hub's end of one tab: its port, its cursors, its life. */
export class TabLink implements AttachedTab {
  readonly #hub: Hub
  readonly #port: Way
  readonly #cursors = new Map<number, { cursor: Cursor; channel: string | null }>()
  /** Aborts when the tab is gone: every call to it is raced with this (I8). */
  readonly #gone = new AbortController()
  /** Kept for as long as the link lives: a proxy may be collected in mid-call. */
  #tab: Comlink.Remote<TabPort> | null = null
  #tabPort: Way | null = null
  #clientId = ''
  #givesHeaders = false
  /** Whether what is shown is stored, where the tab was not told yet. */
  #durable: boolean | null = null
  #sendingDurable = false
  /** Questions for headers that have no answer yet, by what was asked: headers for one address are none for another. */
  readonly #asked = new Map<string, Promise<SecretHeaders | null>>()
  #watching = false
  readonly #unsent = new Set<string>()
  #sending = false
  /** Channels whose events this tab listens to, and those that it did not get yet. */
  readonly #listening = new Set<string>()
  readonly #events: PlacedEvent[] = []
  #sendingEvents = false

  constructor(hub: Hub, port: Way) {
    this.#hub = hub
    this.#port = port
    const served = this.#serve()
    Comlink.expose(
      served,
      checkedPort(port, served, () => this.drop()),
    )
    void hub.delay(HELLO_DEADLINE_MS, this.#gone.signal).then(() => {
      if (this.#tab === null) this.drop()
    })
  }

  get clientId(): string {
    return this.#clientId
  }

  /** Every answer is a value; what throws becomes a refusal. */
  #serve(): HubPort {
    const reply = async <T>(act: () => Promise<T> | T, needsHello = true): Promise<Reply<T>> => {
      try {
        if (needsHello && this.#tab === null) {
          throw new HeadwaterError('bad-message', 'The first message must be hello.')
        }
        return { ok: true, value: await act() }
      } catch (error) {
        // A hub that leaves refuses nothing: who gets no answer hears of its end by its lock, and asks the next one (rule 13).
        if (this.#gone.signal.aborted) return new Promise<never>(() => undefined)
        return { ok: false, error: toErrorValue(error, 'store') }
      }
    }
    return {
      hello: (hello, back) => reply(() => this.#hello(hello, back), false),
      attach: (request) => reply(() => this.#attach(request)),
      detach: (cursorId, cancel) =>
        reply(() => {
          this.#detach(cursorId, checkMessage(CancelSchema, cancel))
          return null
        }),
      start: (request) =>
        reply(async () => {
          const session = await this.#hub.start(checkMessage(StartSchema, request))
          return snapshotOf(await session.until(() => true))
        }),
      verb: (verb) =>
        reply(async () => {
          const session = await this.#hub.verb(checkMessage(VerbSchema, verb))
          return snapshotOf(await session.until(() => true))
        }),
      produce: (produce) => reply(() => this.#hub.produce(checkMessage(ProduceSchema, produce))),
      publish: (event) =>
        reply(async () => {
          await this.#hub.publish(checkMessage(PublishSchema, event))
          return null
        }),
      listen: (channel, on) =>
        reply(() => {
          if (on === true) this.#listen(checkChannelName(channel))
          else this.#listening.delete(channel)
          return null
        }),
      streams: (channel, page) =>
        reply(() =>
          channel === undefined
            ? this.#hub.streams()
            : this.#hub.streams(checkChannelName(channel), checkMessage(HistorySchema, page)),
        ),
      watch: (on) =>
        reply(() => {
          this.#watching = on === true
          return null
        }),
      forget: (what) =>
        reply(async () => {
          await this.#hub.forget(checkMessage(ForgetSchema, what))
          return null
        }),
      clear: () =>
        reply(async () => {
          await this.#hub.clear()
          return null
        }),
      storage: () => reply(() => this.#hub.storage()),
      nudge: () =>
        reply(() => {
          this.#hub.nudge()
          return null
        }),
      ping: () => reply(() => null),
      retire: () =>
        reply(() => {
          void this.#hub.retire()
          return null
        }),
      bye: () =>
        reply(() => {
          this.drop()
          return null
        }),
    }
  }

  /** Handshake steps 2 to 4. */
  #hello(message: unknown, back: unknown): Welcome {
    const hello = checkMessage(HelloSchema, message)
    // A tab names its own channel and no other: on any other name the hub would talk to whoever listens there.
    if (!(back instanceof MessagePort) && back !== backChannel(hello.clientId))
      throw new HeadwaterError('bad-message', 'hello needs a port or the tab’s own channel for the way back.')
    if (this.#tab !== null || this.#gone.signal.aborted) throw new HeadwaterError('bad-message', 'hello comes once.')
    if (hello.protocol < MIN_PROTOCOL_VERSION || hello.minProtocol > PROTOCOL_VERSION) {
      throw new HeadwaterError(
        'incompatible',
        `This page speaks version ${hello.minProtocol} to ${hello.protocol} of the protocol, the hub ${MIN_PROTOCOL_VERSION} to ${PROTOCOL_VERSION}. ` +
          // Whose release is the older one has to be loaded again.
          (hello.protocol < MIN_PROTOCOL_VERSION
            ? 'Reload the page.'
            : 'Close the other tabs of this site, which are of an earlier release, and reload this one.'),
        { page: [hello.minProtocol, hello.protocol], hub: [MIN_PROTOCOL_VERSION, PROTOCOL_VERSION] },
      )
    }
    // Else a tab of the leader's tier could have what it asks for delivered to another, by that one's channel.
    if (this.#hub.hasClient(hello.clientId))
      throw new HeadwaterError('bad-message', 'A client of this name is connected already.')
    this.#clientId = hello.clientId
    this.#tabPort = back instanceof MessagePort ? back : openPairChannel(back)
    this.#tab = Comlink.wrap<TabPort>(this.#tabPort)
    this.#givesHeaders = hello.givesHeaders === true
    if (hello.notify !== undefined) this.#hub.notify = hello.notify
    if (hello.storageLimit !== undefined) this.#hub.limitStorage(hello.storageLimit)
    // Granted means that the tab is gone; there is no other sign of it.
    whenFree(this.#hub.locks, tabLock(hello.clientId), this.#gone.signal).then(
      () => this.drop(),
      () => undefined,
    )
    if (hello.left) this.#hub.suspectOthers()
    this.#hub.addTab(this)
    return {
      protocol: Math.min(PROTOCOL_VERSION, hello.protocol),
      bootId: this.#hub.bootId,
      durable: this.#hub.store.durable,
      tier: this.#hub.tier,
    }
  }

  async #attach(message: unknown): Promise<Attached> {
    const request = checkMessage(AttachSchema, message)
    if (this.#cursors.size >= MAX_CURSORS && !this.#cursors.has(request.cursorId)) {
      throw new HeadwaterError('too-large', `A page may have ${MAX_CURSORS} open views of streams. Close some.`)
    }
    this.#detach(request.cursorId)
    const follows = request.streamId === null
    const cursor = new Cursor({
      cursorId: request.cursorId,
      bootId: this.#hub.bootId,
      chunks: request.chunks !== false,
      deliver: async (batch, own) =>
        checkMessage(AckSchema, await this.#call((tab) => tab.deliver(transferBatch(batch, own)))),
      gone: (streamId, createdAt) => {
        void this.#call((tab) => tab.gone(request.cursorId, streamId, createdAt)).catch(() => undefined)
        // The next stream of the channel may have this one's id, and then nothing else leads to it.
        if (follows) void this.#hub.refollow(request.channel)
      },
      pause: () => this.#hub.pause(),
      failed: (cursor) => {
        if (this.#cursors.get(request.cursorId)?.cursor === cursor) this.#detach(request.cursorId)
      },
    })
    const entry = { cursor, channel: follows ? request.channel : null }
    this.#cursors.set(request.cursorId, entry)
    if (follows) this.#hub.followChannel(request.channel, cursor)
    const isCurrent = (): boolean => this.#cursors.get(request.cursorId) === entry
    let found: StreamSession | null
    try {
      found = await this.#find(request, isCurrent)
    } catch (error) {
      if (isCurrent()) this.#detach(request.cursorId)
      throw error
    }
    if (!isCurrent()) throw new HeadwaterError('closed', 'The view was closed.')
    // A newer stream may have started while the store was read: the cursor follows it already.
    const session = cursor.session ?? found
    const row = session?.row
    if (session === null || row === undefined) return { snapshot: null, fromSeq: 1 }
    const another = follows && request.of !== undefined && request.of !== row.streamId
    const fromSeq = another
      ? 1
      : request.tail !== undefined
        ? Math.max(1, row.seq - request.tail + 1)
        : request.from === 'live'
          ? row.seq + 1
          : // A view that has more than the log is cut back: nothing durable stood behind it.
            Math.min(request.from, row.seq + 1)
    cursor.follow(session, fromSeq)
    return { snapshot: snapshotOf(row), fromSeq }
  }

  /** What a cursor shall read. A store that fails is asked again, as for what comes after: else this one view would stay empty. */
  async #find({ streamId, channel }: Attach, isWanted: () => boolean): Promise<StreamSession | null> {
    for (;;) {
      try {
        return await (streamId === null ? this.#hub.newest(channel) : this.#hub.session(streamId))
      } catch (error) {
        if (!isWanted() || !(error instanceof HeadwaterError) || error.code !== 'store') throw error
        await this.#hub.pause()
      }
    }
  }

  #detach(cursorId: number, cancel?: ReaderCancel): void {
    const entry = this.#cursors.get(cursorId)
    if (entry === undefined) return
    this.#cursors.delete(cursorId)
    if (entry.channel !== null) this.#hub.unfollow(entry.channel, entry.cursor)
    const { session } = entry.cursor
    const { reads } = entry.cursor
    entry.cursor.close()
    if (cancel && reads) void session?.readership.readerCancelled(cancel.reason)
    if (session) this.#hub.release(session)
  }

  /** A call to the tab, which ends when the tab does. */
  #call<T>(act: (tab: Comlink.Remote<TabPort>) => Promise<T>): Promise<T> {
    const tab = this.#tab
    if (tab === null || this.#gone.signal.aborted) return Promise.reject(tabGone())
    return orAborted(act(tab), this.#gone.signal)
  }

  /** A stream changed: told to a tab that watches, one message in flight, the newest state each time. */
  streamMoved(streamId: string): void {
    if (!this.#watching) return
    this.#unsent.add(streamId)
    if (!this.#sending) void this.#sendMoves()
  }

  async #sendMoves(): Promise<void> {
    this.#sending = true
    try {
      for (const streamId of this.#unsent) {
        this.#unsent.delete(streamId)
        const info = await this.#hub.streamInfo(streamId)
        await this.#call((tab) => tab.streamChanged(streamId, info))
      }
    } catch {
      // The tab is gone, or will watch again.
    } finally {
      this.#sending = false
    }
  }

  /** Told with one message in flight, and the newest after that: a tab that does not answer costs no more (I6). */
  durableChanged(durable: boolean): void {
    this.#durable = durable
    if (!this.#sendingDurable) void this.#sendDurable()
  }

  async #sendDurable(): Promise<void> {
    this.#sendingDurable = true
    try {
      for (let next = this.#durable; next !== null; next = this.#durable) {
        const durable = next
        this.#durable = null
        await this.#call((tab) => tab.durable(durable))
      }
    } catch {
      // The tab is gone, or of an earlier release, which does not know the word.
    } finally {
      this.#sendingDurable = false
    }
  }

  #listen(channel: string): void {
    if (this.#listening.size >= MAX_CURSORS) {
      throw new HeadwaterError('too-large', `A page may listen to ${MAX_CURSORS} channels. Leave some.`)
    }
    this.#listening.add(channel)
  }

  /** An event for a tab that listens, one message in flight. A tab that does not keep up misses the oldest: nothing is stored for it (I6, I10). */
  published(event: PlacedEvent): void {
    if (!this.#listening.has(event.channel)) return
    this.#events.push(event)
    if (this.#events.length > MAX_EVENTS) this.#events.shift()
    if (!this.#sendingEvents) void this.#sendEvents()
  }

  async #sendEvents(): Promise<void> {
    this.#sendingEvents = true
    try {
      for (let event = this.#events.shift(); event !== undefined; event = this.#events.shift()) {
        const next = event
        await this.#call((tab) => tab.published(next))
      }
    } catch {
      // The tab is gone.
    } finally {
      this.#sendingEvents = false
    }
  }

  /** Headers from this tab, or `null`. A tab that is gone has none. One that owes an answer is not asked the same again meanwhile (I6). */
  headers(request: CredentialsRequest): Promise<SecretHeaders | null> {
    if (!this.#givesHeaders) return Promise.resolve(null)
    const key = JSON.stringify([request.streamId, request.method, request.url])
    let answer = this.#asked.get(key)
    if (answer === undefined) {
      answer = this.#askForHeaders(request).finally(() => this.#asked.delete(key))
      this.#asked.set(key, answer)
    }
    return answer
  }

  async #askForHeaders(request: CredentialsRequest): Promise<SecretHeaders | null> {
    try {
      return checkMessage(GivenHeadersSchema, await this.#call((tab) => tab.headers(request)))
    } catch {
      return null
    }
  }

  /** The tab is gone, or leaves: its cursors go, and whoever waits for it is told. */
  drop(): void {
    if (this.#gone.signal.aborted) return
    this.#gone.abort(tabGone())
    for (const cursorId of [...this.#cursors.keys()]) this.#detach(cursorId)
    this.#hub.removeTab(this)
    // Comlink's registry of proxies holds the port, whose pending calls hold this link, which holds the proxy: none of them would ever go.
    this.#tab?.[Comlink.releaseProxy]()
    // Comlink leaves ports open.
    this.#tabPort?.close()
    // The answer to `bye` is still to leave.
    queueMicrotask(() => setTimeout(() => this.#port.close()))
  }
}
