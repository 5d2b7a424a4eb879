import { nanoid } from 'nanoid'
import * as v from 'valibot'
import type { EndingNotice } from '../protocol/ending-notice.ts'
import { HeadwaterError } from '../protocol/errors.ts'
import type {
  CredentialsRequest,
  Forget,
  HistoryOptions,
  StartStream,
  StorageUse,
  Tier,
  Verb,
} from '../protocol/hub-port.ts'
import type { PlacedEvent, Produce, Produced, PublishedEvent } from '../protocol/produce.ts'
import { uploadLock } from '../protocol/names.ts'
import type { StreamInfo } from '../protocol/snapshot.ts'
import type { PackedChunks } from '../protocol/packed-chunks.ts'
import { Journal } from '../store/journal.ts'
import type { LogStore, StreamRow } from '../store/log-store.ts'
import { OverlayLogStore } from '../store/overlay-store.ts'
import type { Locks } from '../liveness/locks.ts'
import type { AppendUpstream } from '../upstream/append-upstream.ts'
import type { CancelUpstream } from '../upstream/cancel-upstream.ts'
import type { ReachUpstream } from '../upstream/reach-upstream.ts'
import type { SharedSockets } from '../upstream/socket/shared-sockets.ts'
import type { ConnectUpstream } from '../upstream/upstream.ts'
import { PlacedSchema } from './check-message.ts'
import { ConnectionPool } from './connection-pool.ts'
import type { Cursor } from './cursor.ts'
import { Followers } from './followers.ts'
import { historyPage } from './history-page.ts'
import { Housekeeping } from './housekeeping.ts'
import type { Clock, HubContext, HubMessage, MovedMessage, RemovedMessage } from './hub-context.ts'
import { Outbox } from './outbox.ts'
import { placeEvent } from './place-event.ts'
import { holdsUp, isOpen, mustUpload, snapshotOf, wantsHub, wantsOwner } from './row.ts'
import { applyVerb, produce as appendProduced } from './row-changes.ts'
import { Secrets, type SecretHeaders } from './secrets.ts'
import { decideStart } from './start-stream.ts'
import { StreamSession } from './stream-session.ts'
import { StuckOwners, type OwnerMessage } from './stuck-owners.ts'

/** How often open streams are re-read, whatever pings say (hand-over rule 11). */
const REREAD_MS = 3_000
/** So late a timer runs out only where the machine or this worker slept: a busy one is seconds late, not half a minute. */
const SLEPT_MS = 30_000
/** Small segments of what a page produces are joined in the background after so many changes of its row. */
const COMPACT_EVERY = 128
/** How long a cursor waits before it asks a store that failed again. */
const STORE_PAUSE_MS = 1_000
/** How long a stream keeps its connection when more streams are live than connections may be. */
const TURN_MS = 2_000

/** What hubs tell each other. */
export type PingMessage = HubMessage | OwnerMessage

/** Hints between hubs: BroadcastChannel's face. */
export interface Pings {
  postMessage(message: PingMessage): void
  onmessage: ((event: MessageEvent<PingMessage>) => void) | null
  close(): void
}

/** What a hub knows of a tab. */
export interface AttachedTab {
  /** Its name for this one connection; empty before its hello. */
  readonly clientId: string
  /** A stream changed: tell the tab if it watches. */
  streamMoved(streamId: string): void
  /** What is shown is stored from now on, or no longer. */
  durableChanged(durable: boolean): void
  /** An event was published: tell the tab if it listens. */
  published(event: PlacedEvent): void
  /** Headers from this tab, or `null`. */
  headers(request: CredentialsRequest): Promise<SecretHeaders | null>
  drop(): void
}

export interface HubOptions {
  bootId: string
  tier: Tier
  store: LogStore
  locks: Locks
  pings: Pings
  connect: ConnectUpstream
  /** The sockets that streams share. Absent: none are. */
  sockets?: Pick<SharedSockets, 'carries' | 'nudge' | 'close' | 'onopen'>
  cancel: CancelUpstream
  reach: ReachUpstream
  append: AppendUpstream
  clock: Clock
  /** Tells the application that a stream has ended. `path`: where, as a tab said it; `null` where none did. */
  ended?: (notice: EndingNotice, path: string | null) => void
  random: () => number
  online: () => boolean
  /** Ends this worker, once the hub has left in order because it was told to. Absent where it has no other place to go to: in a page. */
  retired?: () => void
}

/** Times are the hub's; ids are for upstreams to give. */
const stamp = ({ fromSeq, lengths, data, events }: PackedChunks, now: number): PackedChunks => ({
  fromSeq,
  lengths,
  times: new Float64Array(lengths.length).fill(now),
  data,
  ...(events !== undefined && { events }),
})

/** The hub: one per worker. Knows the streams, the tabs, and which cursor reads what. */
export class Hub {
  readonly bootId: string
  readonly tier: Tier
  readonly store: OverlayLogStore
  readonly locks: Locks
  /** Where the application is told of endings. A tab says it; it holds for as long as the hub lives, also when the last tab is gone. */
  notify: string | null = null
  readonly #options: HubOptions
  readonly #context: HubContext
  readonly #sessions = new Map<string, StreamSession>()
  readonly #tabs = new Set<AttachedTab>()
  readonly #followers = new Followers()
  /** Streams that this hub owns without any tab. */
  readonly #errands = new Set<string>()
  readonly #secrets: Secrets
  readonly #housekeeping: Housekeeping
  readonly #stuckOwners: StuckOwners
  readonly #closed = new AbortController()
  /** Sessions that nobody needed when last looked at. */
  #idle: ReadonlySet<StreamSession> = new Set()
  /** Open streams of an earlier life of the hub were found and given sessions. */
  readonly #started: Promise<void>
  /** When the youngest stream was created. The next one is younger, also where that one was deleted in the same millisecond: by that they are told apart. */
  #lastStart = 0
  /** Open streams of other hubs are looked for at the next periodic read. */
  #mustList = false

  constructor(options: HubOptions) {
    this.#options = options
    this.bootId = options.bootId
    this.tier = options.tier
    this.locks = options.locks
    const { clock } = options
    this.store = new OverlayLogStore(options.store, {
      makeRoom: () => this.#housekeeping.makeRoom(),
      tailOf: (streamId) => this.#sessions.get(streamId)?.tail ?? [],
      changed: () => {
        for (const tab of this.#tabs) tab.durableChanged(this.store.durable)
      },
      gaveWay: (streamId, stored) => this.#gaveWay(streamId, stored),
    })
    this.#housekeeping = new Housekeeping(this.store, clock, {
      removed: (rows) => this.#removed(rows),
      pruned: (row) => {
        this.#sessions.get(row.streamId)?.learn(row)
        this.#moved({ streamId: row.streamId, channel: row.channel })
      },
    })
    this.#secrets = new Secrets(clock, this.#tabs)
    this.#stuckOwners = new StuckOwners({
      clock,
      post: (message) => options.pings.postMessage(message),
      owns: (name) =>
        name.startsWith(uploadLock(''))
          ? this.#sessions.get(name.slice(uploadLock('').length))?.uploader.owned === true
          : this.#sessions.get(name)?.owned === true,
    })
    this.#context = {
      store: this.store,
      journal: new Journal(this.store),
      locks: options.locks,
      pool: new ConnectionPool({
        turnMs: TURN_MS,
        now: () => clock.now(),
        schedule: (run, ms) => void clock.delay(ms, this.#closed.signal).then(run),
      }),
      outbox: new Outbox({ reach: options.reach, clock, random: options.random, closed: this.#closed.signal }),
      clock,
      connect: (request, signal) =>
        this.#secrets.used(request.streamId, request.headers, options.connect(request, signal)),
      isShared: ({ source, resumeUrl, sent }) =>
        source !== null && options.sockets?.carries({ source, resumeUrl, resuming: sent }) === true,
      cancelUpstream: async (row, signal) => {
        const { cancelUrl: url } = row
        if (url !== null) await this.#secrets.request(row, (headers) => options.cancel({ url, headers }, signal))
      },
      append: (row, request, signal) =>
        this.#secrets.request(row, (headers) => options.append(request, headers, signal)),
      random: options.random,
      online: options.online,
      startedAt: clock.now(),
      cancel: async (streamId, reason) => {
        await this.verb({ verbId: nanoid(), kind: 'cancel', streamId, ...(reason !== undefined && { reason }) })
      },
      moved: (message) => this.#moved(message),
      ended: ({ streamId, channel, ending }) => {
        if (ending !== null) options.ended?.({ streamId, channel, ending }, this.notify)
      },
      headersFor: (row) => this.#secrets.for(row),
      earlierQueued: (row) => this.#earlierQueued(row),
      isNeeded: (streamId) => this.#isNeeded(streamId),
      whenOwnerStuck: (streamId, signal) => this.#stuckOwners.whenStuck(streamId, signal),
    }
    if (options.sockets) options.sockets.onopen = () => this.#poke()
    // Rule 11: listen before the first read.
    options.pings.onmessage = ({ data }: MessageEvent<unknown>) => {
      // From whatever version of a hub is on the channel.
      const message = (data ?? {}) as Partial<MovedMessage & RemovedMessage> &
        Partial<Record<'ask' | 'owned' | 'published', unknown>>
      const { streamId, channel, removed, published } = message
      this.#stuckOwners.heard(message)
      if (typeof streamId === 'string' && typeof channel === 'string') void this.#pinged({ streamId, channel })
      if (typeof removed === 'object' && removed !== null) this.#removedElsewhere(removed)
      if (v.is(PlacedSchema, published)) this.#tellListeners(published)
    }
    this.#started = this.#adoptOpen()
    void this.#reread()
  }

  /** Streams that are held in memory: what is read, what moves, and for some seconds what did. */
  get inMemory(): number {
    return this.#sessions.size
  }

  get journal(): Journal {
    return this.#context.journal
  }

  /** Streams that another hub may have left behind: this one queues for them. */
  async #adoptOpen(): Promise<void> {
    this.#mustList = false
    try {
      for (const row of await this.store.rows()) if (wantsHub(row)) this.#adopt(row)
    } catch {
      // The periodic read asks again.
      this.#mustList = true
    }
  }

  async #reread(): Promise<void> {
    await this.#started
    while (!this.#closed.signal.aborted) {
      const { clock } = this.#context
      const due = clock.now() + REREAD_MS
      await clock.delay(REREAD_MS, this.#closed.signal)
      if (this.#closed.signal.aborted) return
      // After sleep the network may be another one, and no event says so.
      if (clock.now() - due >= SLEPT_MS) this.nudge()
      // Rule 11: whatever can still move and is read, or waits for a verb, or is this hub's own, whether it has tabs or not.
      for (const session of [...this.#sessions.values()]) {
        const { row } = session
        if (row === undefined || (row.ending !== null && !mustUpload(row))) continue
        if (session.owned || this.#isNeeded(session.streamId)) await session.refresh()
      }
      for (const channel of this.#followers.channels) await this.refollow(channel)
      if (this.#mustList) await this.#adoptOpen()
      this.#sweep()
      void this.store.settle()
      void this.#housekeeping.tick()
    }
  }

  /** Lets go of sessions that nobody needed for a whole round: of streams that ended unread, or were deleted (I10). */
  #sweep(): void {
    const idle = [...this.#sessions.values()].filter((session) => this.#isIdle(session))
    for (const session of idle) if (this.#idle.has(session)) this.release(session)
    this.#idle = new Set(idle.filter((session) => this.#sessions.get(session.streamId) === session))
  }

  /** Resolves after so many milliseconds, or when the signal aborts. */
  delay(ms: number, signal: AbortSignal): Promise<void> {
    return this.#context.clock.delay(ms, signal)
  }

  /** Resolves when a store that failed may be asked again. */
  pause(): Promise<void> {
    return this.#context.clock.delay(STORE_PAUSE_MS, this.#closed.signal)
  }

  /** Another hub moved a stream. */
  async #pinged({ streamId, channel }: MovedMessage): Promise<void> {
    const session = this.#sessions.get(streamId)
    if (session !== undefined) await session.refresh()
    else await this.#adoptWanted(streamId)
    // Most pings tell of the newest stream's next chunks: no reason to look the channel up.
    if (this.#followers.anyElsewhere(channel, streamId)) await this.refollow(channel)
    this.#tellWatchers(streamId)
  }

  /** A stream that another hub started, and may leave behind: this one queues for it. */
  async #adoptWanted(streamId: string): Promise<void> {
    try {
      const row = await this.store.row(streamId)
      if (row !== undefined && wantsHub(row)) this.#adopt(row)
    } catch {
      // The next ping asks again.
    }
  }

  #moved(message: MovedMessage): void {
    this.#ping(message)
    this.#tellWatchers(message.streamId)
    if (this.#sessions.get(message.streamId)?.row?.ending != null) void this.#housekeeping.tidy(message.channel)
  }

  #ping(message: MovedMessage | RemovedMessage): void {
    if (!this.#closed.signal.aborted) this.#options.pings.postMessage(message)
  }

  /** What this hub had in memory of a stream gave way to what another one stored: views start over. */
  #gaveWay(streamId: string, stored: StreamRow | undefined): void {
    const session = this.#sessions.get(streamId)
    const channel = stored?.channel ?? session?.row?.channel
    if (stored === undefined) session?.remove()
    else session?.replace(stored)
    this.#tellWatchers(streamId)
    if (channel !== undefined) void this.refollow(channel)
  }

  #tellWatchers(streamId: string): void {
    for (const tab of this.#tabs) tab.streamMoved(streamId)
  }

  /** The session of a row; made where there is none. */
  #adopt(row: StreamRow): StreamSession {
    let session = this.#sessions.get(row.streamId)
    if (session === undefined) {
      session = new StreamSession(this.#context, row)
      this.#sessions.set(row.streamId, session)
    } else {
      session.learn(row)
    }
    return session
  }

  /**
   * The session of a stream.
   * @throws {HeadwaterError} `unknown-stream`
   */
  async session(streamId: string): Promise<StreamSession> {
    const known = this.#sessions.get(streamId)
    if (known?.row !== undefined) return known
    const row = await this.store.row(streamId)
    if (row === undefined) {
      throw new HeadwaterError('unknown-stream', `This browser knows no stream "${streamId}".`, streamId)
    }
    return this.#adopt(row)
  }

  /** The session of a channel's newest stream, or `null`. */
  async newest(channel: string): Promise<StreamSession | null> {
    const row = await this.store.newest(channel)
    return row === undefined ? null : this.#adopt(row)
  }

  /** The first stream of the channel that holds this one up. */
  async #earlierQueued(row: StreamRow): Promise<StreamSession | null> {
    const rows = await this.store.rows(row.channel)
    const earlier = rows.find((other) => other.createdAt < row.createdAt && holdsUp(other))
    return earlier === undefined ? null : this.#adopt(earlier)
  }

  /** The cursor reads the newest stream of the channel, now and whenever a newer one starts. */
  followChannel(channel: string, cursor: Cursor): void {
    this.#followers.add(channel, cursor)
  }

  unfollow(channel: string, cursor: Cursor): void {
    this.#followers.remove(channel, cursor)
  }

  /** Whoever follows the channel reads its newest stream from here on. */
  async refollow(channel: string): Promise<void> {
    if (!this.#followers.has(channel)) return
    try {
      const newest = await this.newest(channel)
      if (newest !== null) for (const left of this.#followers.move(channel, newest)) this.release(left)
    } catch {
      // The next ping, or the periodic read, asks again.
    }
  }

  #isIdle(session: StreamSession): boolean {
    const { row } = session
    return session.listeners.size === 0 && !session.owned && (row === undefined || !wantsHub(row))
  }

  /** Lets a session go that nobody reads and that needs no owner. */
  release(session: StreamSession): void {
    if (!this.#isIdle(session)) return
    if (this.#sessions.get(session.streamId) === session) this.#sessions.delete(session.streamId)
    if (session.row === undefined) this.#secrets.forget(session.streamId)
    void session.close()
  }

  /** A new run, or the one to join: one transaction on the channel, whose loser joins (I1). */
  async start(request: StartStream): Promise<StreamSession> {
    let outcome = decideStart([], request, 0)
    const now = Math.max(this.#context.clock.now(), this.#lastStart + 1)
    await this.store.openChannel(request.channel, (rows) => {
      // Whoever asked has gone to another hub (rule 14) and said it again there; where that one's stream was deleted since, nothing else would tell.
      if (this.#closed.signal.aborted) throw new HeadwaterError('closed', 'This hub has left. Nothing was started.')
      outcome = decideStart(rows, request, now, this.#options.online())
      return outcome.error === undefined ? outcome.writes : []
    })
    if (outcome.error !== undefined) throw HeadwaterError.from(outcome.error)
    const started = outcome.row
    this.#lastStart = Math.max(this.#lastStart, started.createdAt)
    const { mode } = request
    const secrets =
      request.secrets ?? (typeof mode === 'object' && 'retryOf' in mode ? this.#secrets.get(mode.retryOf) : undefined)
    if (secrets !== undefined) this.#secrets.keep(started.streamId, secrets)
    for (const row of outcome.writes) {
      this.#adopt(row)
      this.#moved({ streamId: row.streamId, channel: row.channel })
    }
    const session = this.#adopt(started)
    await this.refollow(request.channel)
    if (outcome.writes.length > 0) void this.#housekeeping.tidy(request.channel)
    return session
  }

  /** Records the verb in the stream's row (hand-over rule 12), and answers once it took effect. */
  async verb(verb: Verb): Promise<StreamSession> {
    const { owned } = await this.session(verb.streamId)
    const result = await this.journal.commit({
      streamId: verb.streamId,
      forOwner: !owned,
      decide: (row) => {
        const next = row && applyVerb(row, verb, this.#context.clock.now())
        return next ? { row: next } : null
      },
    })
    const { row } = result
    if (row === undefined) {
      this.#sessions.get(verb.streamId)?.learn(undefined)
      throw new HeadwaterError('unknown-stream', 'The stream was deleted.', verb.streamId)
    }
    // The session that was there before the commit may have been let go meanwhile.
    const session = this.#adopt(row)
    if (verb.kind === 'resume' && !result.applied && !isOpen(row) && !row.verbIds.includes(verb.verbId)) {
      throw new HeadwaterError(
        'not-resumable',
        row.ending === null
          ? 'This stream cannot be continued. Use retry() to start a new run.'
          : 'This stream has ended: there is nothing left to resume.',
        verb.streamId,
      )
    }
    if (result.applied) this.#moved({ streamId: row.streamId, channel: row.channel })
    if (verb.kind === 'resume') {
      this.outbox.nudge()
      session.nudge()
    }
    if (verb.kind !== 'resume') await session.until((now) => now.intent === null)
    return session
  }

  /** Appends what a page produces: once, however often it is sent (the seqs are the page's). */
  async produce(produce: Produce): Promise<Produced> {
    const { streamId, producer, fromSeq } = produce
    await this.session(streamId)
    const now = this.#context.clock.now()
    const stamped = { ...produce, packs: produce.packs.map((pack) => stamp(pack, now)) }
    let packs: readonly PackedChunks[] = []
    const { row, applied } = await this.journal.commit({
      streamId,
      decide: (current) => {
        if (current?.producer !== producer || fromSeq > current.seq + 1) return null
        const appended = appendProduced(current, stamped, now)
        packs = appended?.packs ?? []
        return appended
      },
    })
    // The chunks first: cursors that keep up are served from memory.
    this.#sessions.get(streamId)?.learn(row, applied ? packs : [])
    if (row === undefined) throw new HeadwaterError('unknown-stream', 'The stream was deleted.', streamId)
    if (row.producer !== producer) {
      throw new HeadwaterError('producer-lost', 'Another producer writes this stream.', streamId)
    }
    if (fromSeq > row.seq + 1) {
      throw new HeadwaterError('gap', `The log ends at ${row.seq}: chunks that were stored before are gone.`, streamId)
    }
    this.#adopt(row)
    if (applied) {
      this.#moved({ streamId, channel: row.channel })
      if (row.ending !== null) this.#context.ended(row)
      if (row.version % COMPACT_EVERY === 0 || row.ending !== null)
        void this.store.compact(streamId).catch(() => undefined)
    }
    const { version, status, ending, reason } = row
    const { failure, upload } = snapshotOf(row)
    return {
      next: row.seq + 1,
      version,
      status,
      ending,
      failure,
      ...(reason !== undefined && { reason }),
      ...(upload && { upload }),
    }
  }

  /** Tells every tab that listens, in every hub. Nothing is stored. */
  async publish(event: PublishedEvent): Promise<void> {
    const published = await placeEvent(this.store, this.journal, event)
    if (!this.#closed.signal.aborted) this.#options.pings.postMessage({ published })
    this.#tellListeners(published)
  }

  #tellListeners(event: PlacedEvent): void {
    for (const tab of this.#tabs) tab.published(event)
  }

  async streams(channel?: string, page: HistoryOptions = {}): Promise<StreamInfo[]> {
    const rows = await this.store.rows(channel)
    return (channel === undefined ? rows : historyPage(rows, page)).map((row) => this.#info(row))
  }

  async streamInfo(streamId: string): Promise<StreamInfo | null> {
    const row = this.#sessions.get(streamId)?.row ?? (await this.store.row(streamId))
    return row === undefined ? null : this.#info(row)
  }

  #info(row: StreamRow): StreamInfo {
    const session = this.#sessions.get(row.streamId)
    return {
      ...snapshotOf(row),
      readers: session?.listeners.size ?? 0,
      owner: session?.owned === true ? 'this' : wantsOwner(row) ? 'other' : 'none',
    }
  }

  /** Deletes; a writer that is about to commit finds nothing to write to. Deleting what is not there is done. */
  async forget(what: Forget): Promise<void> {
    const before = this.#context.clock.now()
    const rows = 'streamId' in what ? [await this.store.row(what.streamId)] : await this.store.rows(what.channel)
    const found = rows.filter((row) => row !== undefined)
    await this.store.remove('streamId' in what ? [what.streamId] : found.map((row) => row.streamId))
    this.#removed(found)
    this.#ping({ removed: { ...what, before } })
  }

  async clear(): Promise<void> {
    const before = this.#context.clock.now()
    const rows = await this.store.rows()
    await this.store.clear()
    this.#secrets.clear()
    this.#removed(rows)
    this.#ping({ removed: { before } })
  }

  #removed(rows: readonly StreamRow[]): void {
    for (const { streamId, channel } of rows) {
      this.#secrets.forget(streamId)
      this.#sessions.get(streamId)?.remove()
      this.#moved({ streamId, channel })
      void this.refollow(channel)
    }
  }

  /** Another hub deleted. What is stored is gone; what only this hub's memory holds has to follow. */
  #removedElsewhere({ streamId, channel, before }: RemovedMessage['removed']): void {
    const isRemoved = (row: StreamRow): boolean =>
      row.createdAt <= before &&
      (streamId === undefined || row.streamId === streamId) &&
      (channel === undefined || row.channel === channel)
    for (const held of this.store.removedElsewhere(isRemoved)) this.#sessions.get(held)?.remove()
    for (const session of this.#sessions.values()) {
      if (session.row === undefined || isRemoved(session.row)) this.#secrets.forget(session.streamId)
      void session.refresh()
    }
  }

  /** Most data of ended streams that may be kept, from now on; what is above it goes at once. */
  limitStorage(limit: number): void {
    this.#housekeeping.limit = limit
  }

  async storage(): Promise<StorageUse> {
    const streams = (await this.store.rows()).length
    const estimate = await globalThis.navigator?.storage?.estimate?.()
    const { durable } = this.store
    const { limit } = this.#housekeeping
    return { durable, usage: estimate?.usage ?? 0, quota: estimate?.quota ?? 0, streams, limit }
  }

  /** Whether a tab of this name is connected. No name is used again, so whoever comes with one that is has taken it from another. */
  hasClient(clientId: string): boolean {
    return [...this.#tabs].some((tab) => tab.clientId === clientId)
  }

  addTab(tab: AttachedTab): void {
    this.#tabs.add(tab)
    // It may come from a hub that died, and no ping need have told of that one's streams (rule 11).
    this.#mustList = true
    this.nudge()
  }

  removeTab(tab: AttachedTab): void {
    this.#tabs.delete(tab)
    this.#poke()
  }

  #poke(): void {
    for (const session of this.#sessions.values()) session.poke()
  }

  #isNeeded(streamId: string): boolean {
    return this.#tabs.size > 0 || this.#errands.has(streamId)
  }

  /** The session of a stream that this hub is to own although it has no tab. */
  errand(row: StreamRow): StreamSession {
    this.#errands.add(row.streamId)
    const session = this.#adopt(row)
    session.poke()
    return session
  }

  get outbox(): Outbox {
    return this.#context.outbox
  }

  get tabs(): ReadonlySet<AttachedTab> {
    return this.#tabs
  }

  /** A tab says that an attempt is worth while now. */
  nudge(): void {
    this.#context.outbox.nudge()
    this.#options.sockets?.nudge()
    for (const session of this.#sessions.values()) session.nudge()
  }

  /** A visible tab came because another hub did not answer it in time (hand-over rule 14). */
  suspectOthers(): void {
    this.#stuckOwners.suspect()
  }

  /** A tab found that this hub did not answer, and went to another: all follow once this one has left. */
  async retire(): Promise<void> {
    const { retired } = this.#options
    if (retired === undefined || this.#closed.signal.aborted) return
    await this.close()
    retired()
  }

  /** Leaves in order: every stream's connection is closed and its transaction done before its lock is free. */
  async close(): Promise<void> {
    this.#closed.abort()
    for (const tab of [...this.#tabs]) tab.drop()
    await Promise.all([...this.#sessions.values()].map((session) => session.close()))
    this.#options.sockets?.close()
    await this.store.settle({ now: true })
    this.#options.pings.close()
    this.store.close()
  }
}
