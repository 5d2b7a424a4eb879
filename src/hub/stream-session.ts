import { acquireLock, type HeldLock } from '../liveness/locks.ts'
import { HeadwaterError, toErrorValue } from '../protocol/errors.ts'
import { ownLock } from '../protocol/names.ts'
import type { StoredSource } from '../protocol/source.ts'
import type { StreamRow } from '../store/log-store.ts'
import { askedDelay, backoffDelay, isCredentialsRefusal, isRetryable } from '../upstream/backoff.ts'
import type { UpstreamConnection } from '../upstream/upstream.ts'
import { WayLost } from '../upstream/way-lost.ts'
import type { Slot } from './connection-pool.ts'
import { FollowedStream, type StreamListener } from './followed-stream.ts'
import type { HubContext } from './hub-context.ts'
import { Intake } from './intake.ts'
import { Readership } from './readership.ts'
import { holdsUp, isOpen, isUnsent, wantsOwner } from './row.ts'
import {
  connected,
  endCancelled,
  lost,
  queued,
  refused,
  sending,
  takeOver,
  waiting,
  type TakeOver,
} from './row-changes.ts'
import type { SecretHeaders } from './secrets.ts'
import { Uploader } from './uploader.ts'
import { transition, type Ownership, type SessionEvent, type SessionState } from './session-state.ts'

/** How often a resumable stream that is disconnected is tried again while a tab is attached. */
const PROBE_MS = 15_000
/** How often a producer is told of a cancel before the stream ends without its answer. */
const CANCEL_ATTEMPTS = 3

/**
 * One stream in one hub, which owns it where it must: each activity of {@link SessionState}, and what ends it.
 */
export class StreamSession extends FollowedStream {
  readonly readership: Readership
  readonly uploader: Uploader
  readonly #context: HubContext
  #state: SessionState = { at: 'following' }
  #lock: HeldLock | null = null
  #slot: Slot | null = null
  #connection: { upstream: UpstreamConnection; abort: AbortController } | null = null
  /** How long the server asked to be left alone, in milliseconds, when it refused last. */
  #askedDelay = 0
  /** Epoch of the owner that this session robbed last. */
  #robbedEpoch = -1
  /** Somebody asked for an attempt now: a tab came, the network is back. */
  #nudged = false
  readonly #running: Promise<void>

  constructor(context: HubContext, row: StreamRow) {
    super(context.store, row)
    this.#context = context
    this.readership = new Readership(context, row.streamId, () => this.row)
    this.uploader = new Uploader(context, {
      streamId: row.streamId,
      closed: this.closed.signal,
      row: () => this.row,
      changed: () => this.changed,
      read: (next) => this.read(next),
      learn: (learned) => this.learn(learned),
      refresh: () => this.refresh(),
    })
    this.#running = this.#run()
  }

  listen(listener: StreamListener): void {
    this.listeners.add(listener)
    if (listener.reads) this.readership.add()
  }

  unlisten(listener: StreamListener): void {
    if (this.listeners.delete(listener) && listener.reads) this.readership.remove()
  }

  get state(): SessionState {
    return this.#state
  }

  get owned(): boolean {
    return this.#lock !== null
  }

  /** An attempt is worth while now: a tab came or became visible, the network is back. */
  nudge(): void {
    this.#nudged = true
    this.uploader.nudge()
    this.signalChange()
  }

  /** Something that an activity may wait for has changed outside (tabs came or went). */
  poke(): void {
    this.signalChange()
  }

  /** Leaves in order (hand-over rule 4) and stops. */
  async close(): Promise<void> {
    this.closed.abort()
    this.readership.close()
    this.signalChange()
    await this.#running
    await this.uploader.done
  }

  async #run(): Promise<void> {
    while (!this.closed.signal.aborted) {
      let event: SessionEvent
      try {
        event = this.#lock?.lost.aborted === true ? { type: 'lock-lost' } : await this.#perform(this.#state)
      } catch (error) {
        event = await this.#storeFailed(error)
      }
      this.#state = transition(this.#state, event)
      if (event.type === 'lock-lost') this.#letGo()
    }
    this.#letGo()
    this.signalChange()
  }

  #perform(state: SessionState): Promise<SessionEvent> {
    switch (state.at) {
      case 'following':
        return this.#follow()
      case 'acquiring':
        return this.#acquire()
      case 'taking-over':
        return this.#takeOver()
      case 'cancelling':
        return this.#cancel()
      case 'queued':
        return this.#queue(state.owned)
      case 'waiting-for-slot':
        return this.#waitForSlot(state.owned)
      case 'connecting':
        return this.#connect(state.owned)
      case 'streaming':
        return this.#stream(state.owned)
      case 'backing-off':
        return this.#pause(state.owned, backoffDelay(state.owned.attempt, this.#context.random(), this.#askedDelay))
      case 'probing':
        return this.#pause(state.owned, Math.max(PROBE_MS, this.#askedDelay))
      case 'releasing':
        this.#letGo()
        return Promise.resolve({ type: 'settled' })
    }
  }

  async #follow(): Promise<SessionEvent> {
    while (!(this.row !== undefined && wantsOwner(this.row) && this.#context.isNeeded(this.streamId))) {
      if (this.closed.signal.aborted) return { type: 'lock-lost' }
      await this.changed
    }
    return { type: 'wanted' }
  }

  async #acquire(): Promise<SessionEvent> {
    const enough = new AbortController()
    const request = acquireLock(this.#context.locks, ownLock(this.streamId), { signal: enough.signal })
    void this.#watch(
      () => this.closed.signal.aborted || this.row === undefined || !wantsOwner(this.row),
      enough,
      request,
    )
    try {
      this.#lock =
        (await Promise.race([request, this.#whenRobbable(enough.signal)])) ?? (await this.#rob(request, enough))
    } catch (error) {
      // Where the browser gives no locks at all, asking again at once would spin.
      if (!enough.signal.aborted) throw error
      return { type: 'settled' }
    } finally {
      // Nor is its owner watched any longer: else what waits for a hub to get stuck would keep this session for ever.
      enough.abort()
    }
    this.#lock.lost.addEventListener('abort', () => this.#interrupted(), { once: true })
    return { type: 'granted' }
  }

  /**
   * Rule 14: resolves once the owner is stuck and may be robbed, which it is once per epoch; never settles otherwise. What a page produces is the
   * page's: it answers no hub, and is not robbed.
   */
  async #whenRobbable(signal: AbortSignal): Promise<null> {
    while (await this.#context.whenOwnerStuck(this.streamId, signal)) {
      if (this.row?.source != null && this.row.epoch > this.#robbedEpoch) return null
    }
    return new Promise<never>(() => undefined)
  }

  /** Takes the lock from its holder. The epoch alone decides from here on who may write. */
  async #rob(request: Promise<HeldLock>, waiting: AbortController): Promise<HeldLock> {
    waiting.abort()
    // Granted in the same moment: nobody has to be robbed.
    const granted = await request.catch(() => null)
    if (granted) return granted
    this.#robbedEpoch = this.row?.epoch ?? this.#robbedEpoch
    return acquireLock(this.#context.locks, ownLock(this.streamId), { steal: true })
  }

  /** Aborts `abort` once `condition` holds, for as long as `running` is not settled. */
  async #watch(condition: () => boolean, abort: AbortController, running: Promise<unknown>): Promise<void> {
    let over = false
    const end = (): void => {
      over = true
      this.signalChange()
    }
    running.then(end, end)
    while (!over) {
      if (condition()) return abort.abort()
      await this.changed
    }
  }

  /** One transaction of the owner. `null` where the row is not this owner's any more, or `decide` changed nothing. */
  async #commit(
    decide: (row: StreamRow) => StreamRow | null,
    epoch: number,
    { binding = false } = {},
  ): Promise<StreamRow | null> {
    const result = await this.#context.journal.commit({
      streamId: this.streamId,
      binding,
      decide: (row) => {
        if (row === undefined || row.epoch !== epoch || row.intent !== null || !isOpen(row)) return null
        const next = decide(row)
        return next && { row: next }
      },
    })
    this.learn(result.row)
    if (!result.applied) return null
    this.#announce()
    return result.row ?? null
  }

  #announce(): void {
    if (this.row) this.#context.moved({ streamId: this.streamId, channel: this.row.channel })
  }

  /** Rule 1. */
  async #takeOver(): Promise<SessionEvent> {
    let found: TakeOver = { task: 'nothing', row: null }
    const result = await this.#context.journal.commit({
      streamId: this.streamId,
      decide: (row) => {
        found = takeOver(row, this.#context.clock.now())
        return found.row && { row: found.row }
      },
    })
    this.learn(result.row)
    if (result.applied) this.#announce()
    // A page that produced it is gone.
    if (result.applied && result.row?.ending != null) this.#context.ended(result.row)
    switch (found.task as TakeOver['task']) {
      case 'fetch':
        return { type: 'took', epoch: result.row?.epoch ?? 0, queued: result.row !== undefined && isUnsent(result.row) }
      case 'tell-producer':
        return { type: 'cancel-asked' }
      case 'nothing':
        return { type: 'settled' }
    }
  }

  async #cancel(): Promise<SessionEvent> {
    const row = this.row
    if (row?.cancelUrl != null && row.sent) {
      for (let attempt = 1; attempt <= CANCEL_ATTEMPTS && !this.closed.signal.aborted; attempt++) {
        try {
          await this.#context.cancelUpstream(row, this.closed.signal)
          break
        } catch (error) {
          if (!isRetryable(error) || attempt === CANCEL_ATTEMPTS) break
          await this.#context.clock.delay(backoffDelay(attempt, this.#context.random()), this.closed.signal)
        }
      }
    }
    // A hub that goes before the producer was told leaves the intent to its successor.
    if (this.closed.signal.aborted) return { type: 'lock-lost' }
    const result = await this.#context.journal.commit({
      streamId: this.streamId,
      decide: (now) => {
        const ended = endCancelled(now, this.#context.clock.now())
        return ended && { row: ended }
      },
    })
    this.learn(result.row)
    this.#announce()
    return { type: 'settled' }
  }

  /** What ends an owner's activity from outside, or `null`. */
  #interruption(owned: Ownership): SessionEvent | null {
    if (this.closed.signal.aborted || this.#lock?.lost.aborted !== false) return { type: 'lock-lost' }
    const row = this.row
    if (row === undefined || row.intent !== null || !isOpen(row)) return { type: 'fenced' }
    // Rule 14: another hub took over. Either this one was robbed and has not heard of it yet, or that one was, with its take-over under way. To
    // take over at once would fence the other, which would do the same, for ever; to let go and queue again costs one hand-over. Whoever is
    // granted the lock next takes over, and nobody fetches without a grant of its own.
    return row.epoch === owned.epoch ? null : { type: 'lock-lost' }
  }

  #interrupted(): void {
    this.signalChange()
  }

  /** Waits in the outbox: until the streams of the channel that were queued before have come to rest, then for a sign of life of the server. */
  async #queue(owned: Ownership): Promise<SessionEvent> {
    const { outbox } = this.#context
    for (;;) {
      const interruption = this.#interruption(owned)
      if (interruption) return interruption
      const { row } = this
      const url = row?.source?.url
      if (row === undefined || url === undefined) return { type: 'fenced' }
      const now = (): number => this.#context.clock.now()
      const earlier = await this.#context.earlierQueued(row)
      if (earlier !== null) {
        await this.#commit((row) => queued(row, undefined, now()), owned.epoch)
        await this.#whileWaiting(owned, () => earlier.until((row) => !holdsUp(row)))
      } else if ((await this.#whileWaiting(owned, () => outbox.reaches(url))) === true) {
        return this.#interruption(owned) ?? { type: 'due', fresh: true }
      } else {
        await this.#commit((row) => queued(row, 'network', now()), owned.epoch)
        // As when probing: the lock is for a hub that has a tab.
        if (!this.#context.isNeeded(this.streamId)) return this.#interruption(owned) ?? { type: 'settled' }
        await this.#whileWaiting(owned, (signal) => outbox.wait(url, row.createdAt, signal), true)
      }
    }
  }

  /**
   * Waits for what may take long, and no longer than this owner's turn lasts (and, `forSomebody`, than anybody needs the stream here).
   * `undefined` where that ended first, or it failed.
   */
  async #whileWaiting<T>(
    owned: Ownership,
    wait: (signal: AbortSignal) => Promise<T>,
    forSomebody = false,
  ): Promise<T | undefined> {
    const enough = new AbortController()
    const waiting = wait(enough.signal).catch(() => undefined)
    const interrupted = new Promise<undefined>((resolve) =>
      enough.signal.addEventListener('abort', () => resolve(undefined)),
    )
    const isOver = (): boolean =>
      this.#interruption(owned) !== null || (forSomebody && !this.#context.isNeeded(this.streamId))
    void this.#watch(isOver, enough, waiting)
    return Promise.race([waiting, interrupted])
  }

  /** Whether the stream can go over a socket that streams share: then it takes no connection of its own. */
  get #isShared(): boolean {
    return this.row !== undefined && this.#context.isShared(this.row)
  }

  async #waitForSlot(owned: Ownership): Promise<SessionEvent> {
    const interruption = this.#interruption(owned)
    if (interruption) return interruption
    if (this.#isShared) return { type: 'slot' }
    const origin = new URL(this.row?.source?.url ?? 'http://localhost').origin
    if (this.#context.pool.isBusy(origin)) {
      await this.#commit((row) => waiting(row, row.status, 'connection', this.#context.clock.now()), owned.epoch)
    }
    const enough = new AbortController()
    const request = this.#context.pool.acquire(origin, enough.signal)
    void this.#watch(() => this.#interruption(owned) !== null || this.#isShared, enough, request)
    try {
      this.#slot = await request
    } catch {
      return this.#interruption(owned) ?? { type: 'yielded' }
    }
    return { type: 'slot' }
  }

  async #connect(owned: Ownership): Promise<SessionEvent> {
    const row = this.row
    if (row?.source == null) return { type: 'fenced' }
    const abort = new AbortController()
    // It must not be sent twice, so not into the void either. Looked at here, where nothing more has to be waited for.
    if (isUnsent(row) && !(await this.#isReachable(owned, row.source))) {
      this.#hangUp()
      return this.#interruption(owned) ?? { type: 'unreachable' }
    }
    const headers = row.source.credentials ? await this.#askForHeaders(owned, row) : []
    const interruption = this.#interruption(owned)
    if (interruption) {
      this.#hangUp()
      return interruption
    }
    if (headers === null) {
      this.#hangUp()
      await this.#commit((now) => waiting(now, now.status, 'credentials', this.#context.clock.now()), owned.epoch)
      return { type: 'lost', again: false }
    }
    // Rule 8: that the request may have been sent is committed before it is.
    if (!row.sent) {
      const binding = !row.source.idempotent
      const now = this.#context.clock.now()
      if ((await this.#commit((current) => sending(current, now), owned.epoch, { binding })) === null) {
        this.#hangUp()
        return this.#interruption(owned) ?? { type: 'fenced' }
      }
    }
    let upstream: UpstreamConnection
    try {
      upstream = await this.#send(owned, { ...row, source: row.source }, headers, abort)
    } catch (error) {
      const aborted = abort.signal.aborted
      this.#hangUp()
      // What interrupted may be over by now (a `stop` that was taken back): the socket that was closed for it is no answer of upstream's.
      return this.#interruption(owned) ?? (aborted ? { type: 'fenced' } : await this.#lost(owned, error))
    }
    this.#connection = { upstream, abort }
    const took = await this.#commit((now) => connected(now, upstream.head, this.#context.clock.now()), owned.epoch)
    if (took === null) {
      this.#hangUp()
      return this.#interruption(owned) ?? { type: 'fenced' }
    }
    return { type: 'connected' }
  }

  /** Whether the server of a queued request gives a sign of life; else the row says that it waits for it. */
  async #isReachable(owned: Ownership, { url }: StoredSource): Promise<boolean> {
    if ((await this.#whileWaiting(owned, () => this.#context.outbox.reaches(url))) === true) return true
    await this.#commit((now) => queued(now, 'network', this.#context.clock.now()), owned.epoch)
    return false
  }

  /**
   * Sends the request of a row. Where upstream refuses the headers, tabs are asked for others, once: tokens expire while a stream lasts.
   * Sent again, it is still the first request of its kind that was accepted (rule 8): the one before was refused.
   */
  async #send(
    owned: Ownership,
    row: StreamRow & { source: StoredSource },
    headers: SecretHeaders,
    abort: AbortController,
  ): Promise<UpstreamConnection> {
    const { source, streamId, position, resumeUrl, verdict, dialect } = row
    const shared = this.#slot === null
    const request = { source, streamId, position, resumeUrl, resuming: row.sent, verdict, dialect, shared }
    const send = (given: SecretHeaders): Promise<UpstreamConnection> => {
      const sent = this.#context.connect({ ...request, headers: given }, abort.signal)
      void this.#watch(() => this.#interruption(owned) !== null, abort, sent)
      return sent
    }
    try {
      return await send(headers)
    } catch (error) {
      if (abort.signal.aborted || !source.credentials || !isCredentialsRefusal(error)) throw error
      const others = await this.#askForOthers(owned)
      if (others === null) throw error
      return send(others)
    }
  }

  /** Other headers than those that were refused; `null` where no tab gives any, or this owner's turn ended. */
  async #askForOthers(owned: Ownership): Promise<SecretHeaders | null> {
    await this.#commit((now) => waiting(now, now.status, 'credentials', this.#context.clock.now()), owned.epoch)
    const row = this.row
    if (row === undefined || this.#interruption(owned) !== null) return null
    const others = await this.#askForHeaders(owned, row)
    // From here on it waits for upstream, which may think for minutes.
    if (others !== null) {
      await this.#commit((now) => waiting(now, now.status, undefined, this.#context.clock.now()), owned.epoch)
    }
    return this.#interruption(owned) === null ? others : null
  }

  /** Headers that are not stored; `null` also when this owner's turn ends before a tab answers. */
  async #askForHeaders(owned: Ownership, row: StreamRow): ReturnType<HubContext['headersFor']> {
    return (await this.#whileWaiting(owned, () => this.#context.headersFor(row))) ?? null
  }

  async #stream(owned: Ownership): Promise<SessionEvent> {
    const { upstream, abort } = this.#connection ?? {}
    if (!upstream || !abort) return { type: 'lost', again: true }
    const intake = new Intake({
      journal: this.#context.journal,
      store: this.#context.store,
      now: () => this.#context.clock.now(),
      epoch: owned.epoch,
      row: () => this.row,
      committed: (row, packs) => {
        this.learn(row, packs)
        // Progress makes the next lost connection the first one again.
        if (packs.length > 0) this.#state = transition(this.#state, { type: 'progress' })
        this.#announce()
        if (row?.ending != null) this.#context.ended(row)
      },
      stopped: (row) => {
        this.learn(row)
        this.signalChange()
      },
    })
    const slot = this.#slot
    const mayYield = (): boolean =>
      slot !== null && this.row?.resumable === true && (slot.wanted.aborted || this.#isShared)
    const onWanted = (): void => this.signalChange()
    slot?.wanted.addEventListener('abort', onWanted, { once: true })
    const pumping = this.#pump(upstream, intake)
    const isOver = (): boolean => intake.fenced || intake.failure !== null
    void this.#watch(() => this.#interruption(owned) !== null || mayYield() || isOver(), abort, pumping)
    const outcome = await pumping
    const aborted = abort.signal.aborted
    slot?.wanted.removeEventListener('abort', onWanted)
    this.#hangUp()
    // Rules 4 and 6: the connection is closed; what was read is committed or dropped, and nothing is in flight, before anything else happens.
    await intake.settle({ drop: this.#interruption(owned) !== null })
    if (intake.failure !== null) throw intake.failure
    if (intake.fenced) await this.refresh()
    else if (outcome.ended && this.row?.ending != null) return { type: 'settled' }
    const interruption = this.#interruption(owned)
    if (interruption) return interruption
    if (intake.fenced) return { type: 'fenced' }
    if (mayYield()) return { type: 'yielded' }
    // As in `#connect`: closed for something that is over by now.
    if (aborted) return { type: 'fenced' }
    // The state knows of the progress that was made since.
    const now = 'owned' in this.#state ? this.#state.owned : owned
    return this.#lost(now, outcome.error)
  }

  async #pump(upstream: UpstreamConnection, intake: Intake): Promise<{ ended: boolean; error?: unknown }> {
    try {
      for await (const frame of upstream) {
        await intake.take(frame)
        if (frame.ending !== undefined) return { ended: true }
        if (intake.fenced || intake.failure !== null) return { ended: false }
      }
    } catch (error) {
      return { ended: false, error }
    }
    return { ended: false, error: new HeadwaterError('network', 'The connection ended before the stream did.') }
  }

  /** The connection is lost, or could not be made: what now? */
  async #lost(owned: Ownership, error: unknown): Promise<SessionEvent> {
    // Of the stream nothing is known: whatever else is open shows whether it is lost.
    if (error instanceof WayLost) return { type: 'yielded' }
    const failure = toErrorValue(error, 'network')
    this.#askedDelay = askedDelay(error)
    if (failure.code === 'network' && this.row?.source) this.#context.outbox.lost(this.row.source.url)
    const { retries = 0, credentials = false } = this.row?.source ?? {}
    const again = owned.attempt < retries
    // A stream that was let in once asks for new headers when it connects again; one that just did so has its answer.
    const expired = credentials && again && this.#state.at === 'streaming' && isCredentialsRefusal(error)
    const retryable = isRetryable(error) || expired
    const waitingFor = this.#context.online() ? 'server' : 'network'
    const now = this.#context.clock.now()
    const row = await this.#commit(
      (row) =>
        retryable || failure.code === 'not-resumable'
          ? lost(
              row,
              {
                status: again ? 'reconnecting' : 'disconnected',
                waitingFor: expired ? 'credentials' : waitingFor,
              },
              failure,
              now,
            )
          : refused(row, failure, now),
      owned.epoch,
    )
    if (row === null) return this.#interruption(owned) ?? { type: 'fenced' }
    if (row.ending !== null) this.#context.ended(row)
    return wantsOwner(row) ? { type: 'lost', again } : { type: 'settled' }
  }

  /** Waits for the next attempt: the time, a nudge, or a verb. */
  async #pause(owned: Ownership, ms: number): Promise<SessionEvent> {
    const enough = new AbortController()
    const timer = this.#context.clock.delay(ms, enough.signal)
    let due = false
    this.#nudged = false
    void timer.then(() => {
      due = true
      this.signalChange()
    })
    try {
      for (;;) {
        const interruption = this.#interruption(owned)
        if (interruption) return interruption
        if (this.#resumed()) return { type: 'due', fresh: true }
        if (this.#nudged) return { type: 'due', fresh: false }
        // Who has no tab does not probe, and must not keep the lock from a hub that has one.
        if (due && this.#state.at === 'probing' && !this.#context.isNeeded(this.streamId)) return { type: 'settled' }
        if (due) return { type: 'due', fresh: false }
        await this.changed
      }
    } finally {
      enough.abort()
    }
  }

  /** A `resume` set the status back while this owner waited. */
  #resumed(): boolean {
    return this.#state.at === 'probing' && this.row?.status === 'connecting' && this.row.waitingFor === undefined
  }

  /**
   * The store refused what no memory can take in its place (a value that cannot be stored, a request that must not be sent twice): nothing was
   * written, so nothing is lost; start over from what is committed.
   */
  async #storeFailed(error: unknown): Promise<SessionEvent> {
    this.#hangUp()
    await this.#context.clock.delay(backoffDelay(1, this.#context.random()), this.closed.signal)
    await this.refresh()
    if (this.#lock === null) return { type: 'settled' }
    return error instanceof HeadwaterError && error.code === 'closed' ? { type: 'lock-lost' } : { type: 'fenced' }
  }

  #hangUp(): void {
    this.#connection?.abort.abort()
    this.#connection = null
    this.#slot?.release()
    this.#slot = null
  }

  #letGo(): void {
    this.#hangUp()
    this.#lock?.release()
    this.#lock = null
  }
}
