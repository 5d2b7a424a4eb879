import { nanoid } from 'nanoid'
import type { Gap } from '../protocol/chunk.ts'
import type { Dialect } from '../protocol/dialect.ts'
import { HeadwaterError } from '../protocol/errors.ts'
import type { Batch, VerbKind } from '../protocol/hub-port.ts'
import type { StreamSnapshot } from '../protocol/snapshot.ts'
import type { State, Status } from '../protocol/state.ts'
import type { StreamView } from './api.ts'
import type { Connection } from './connection.ts'
import type { Content } from './content.ts'
import { loadPart } from './load-part.ts'
import { LogCursor } from './log-cursor.ts'

/** What builds texts and parts; browsers fetch it once. */
const loadContent = async (): Promise<typeof Content> => (await loadPart(() => import('./content.ts'))).Content

const NO_PARTS: readonly never[] = []
const LOADING: readonly Status[] = ['queued', 'connecting', 'streaming', 'reconnecting']

/** The fields of a state, which are getters on a channel too. */
export const FIELDS =
  'streamId seq status waitingFor text parts usage upload meta loading done canResume canRetry error failure ending gaps'.split(
    ' ',
  ) as (keyof State)[]

/**
 * One stream, or the newest of a channel, as immutable states. Chunks are asked for only once somebody reads `text`, `parts` or `usage`:
 * until then the view costs no more than its status (I10).
 */
export class View implements StreamView {
  readonly #connection: Connection
  readonly #channel: string
  readonly #streamId: string | null
  readonly #dialect: Dialect | undefined
  readonly #listeners = new Set<() => void>()
  #cursor: LogCursor
  #snapshot: StreamSnapshot | null = null
  #content: Content | null = null
  /** What builds it, once it is there. */
  #ContentOf: typeof Content | null = null
  /** Somebody read the text: chunks are asked for. */
  #wanted = false
  /** What builds the text could not be loaded, three times. Not tried again: the page has to be. */
  #broken: HeadwaterError | null = null
  #gaps: Gap[] = []
  #seq = 0
  #failure: HeadwaterError | null = null
  #state: State | null = null
  #known: (() => void)[] = []
  #isKnown = false
  #closed = false

  /** @param dialect an application's own dialect, which the hub knows by name only */
  constructor(connection: Connection, channel: string, streamId: string | null, dialect?: Dialect) {
    this.#connection = connection
    this.#channel = channel
    this.#streamId = streamId
    this.#dialect = dialect
    this.#cursor = this.#attach()
  }

  #attach(): LogCursor {
    return new LogCursor(this.#connection, {
      channel: this.#channel,
      streamId: this.#streamId,
      from: 1,
      chunks: this.#wanted,
      shows: () => !this.#snapshot?.needsTab,
      // Loaded while the hub reads; the first batch waits for it, unacknowledged.
      ready: () => this.#load(),
      batch: (batch) => this.#apply(batch),
      reset: (snapshot) => {
        this.#snapshot = snapshot
        this.#failure = null
        this.#clear()
        this.#changed()
      },
      snapshot: (snapshot) => {
        this.#snapshot = snapshot
        this.#failure = null
        this.#changed()
      },
      failed: (error) => {
        this.#failure = error
        this.#changed()
      },
    })
  }

  #clear(): void {
    this.#seq = 0
    this.#gaps = []
    this.#content = null
  }

  #apply(batch: Batch): void {
    const content = (this.#content ??= new (this.#ContentOf as typeof Content)(batch.dialect, this.#dialect))
    for (const pack of batch.packs) content.add(pack)
    this.#gaps.push(...batch.gaps)
    this.#seq = batch.toSeq - 1
    this.#changed()
  }

  #changed(): void {
    this.#state = null
    if (!this.#isKnown) {
      this.#isKnown = true
      for (const resolve of this.#known) resolve()
    }
    for (const listener of [...this.#listeners]) {
      try {
        listener()
      } catch (error) {
        // As an event target does: reported, and nobody else notices. Thrown here, it would refuse the batch.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }

  /** Reads chunks from now on. */
  #wantContent(): void {
    if (this.#wanted || this.#broken || this.#closed) return
    this.#wanted = true
    this.#restart()
    // On its way while the hub reads, and asked for behind the cursor: to begin an import takes a page some milliseconds. Whether it comes is found out with the
    // first batch.
    queueMicrotask(() => loadContent().catch(() => undefined))
  }

  #restart(): void {
    this.#cursor.close()
    this.#clear()
    this.#cursor = this.#attach()
  }

  async #load(): Promise<void> {
    try {
      this.#ContentOf ??= await loadContent()
    } catch (error) {
      this.#broken ??= error as HeadwaterError
      this.#wanted = false
      this.#restart()
      this.#changed()
    }
  }

  /**
   * What the hub last said; resolves once it said something.
   * @throws {HeadwaterError} `closed`, or why there is no hub
   */
  async known(): Promise<StreamSnapshot | null> {
    await this.#connection.connected()
    if (!this.#isKnown && !this.#closed) await new Promise<void>((resolve) => this.#known.push(resolve))
    if (this.#snapshot === null && this.#failure !== null) throw this.#failure
    if (this.#closed) throw new HeadwaterError('closed', 'This view was closed.')
    return this.#snapshot
  }

  /** The stream's id, once the hub has said which it is. */
  async current(): Promise<string> {
    const snapshot = await this.known()
    if (this.#streamId !== null) return this.#streamId
    if (snapshot === null) {
      throw new HeadwaterError('unknown-stream', `The channel "${this.#channel}" has no stream yet.`, this.#channel)
    }
    return snapshot.streamId
  }

  stop(): Promise<void> {
    return this.#verb('stop')
  }

  resume(): Promise<void> {
    return this.#verb('resume')
  }

  cancel(reason?: string): Promise<void> {
    return this.#verb('cancel', reason)
  }

  async #verb(kind: VerbKind, reason?: string): Promise<void> {
    const streamId = await this.current()
    // One id for as often as it is sent (rule 13).
    const verb = { verbId: nanoid(), kind, streamId, ...(reason !== undefined && { reason }) }
    await this.#connection.call((hub) => hub.verb(verb))
  }

  /** Takes in what an answer of the hub already told, before the cursor brings it: a newer stream. `open` may also have joined an older one. */
  learn(snapshot: StreamSnapshot): void {
    if (this.#streamId !== null || this.#closed) return
    if (this.#snapshot !== null && this.#snapshot.createdAt >= snapshot.createdAt) return
    this.#cursor.expect(snapshot)
    this.#snapshot = snapshot
    this.#clear()
    this.#changed()
  }

  /** When the stream that is shown was created; 0 where there is none. */
  get createdAt(): number {
    return this.#snapshot?.createdAt ?? 0
  }

  get state(): State {
    return (this.#state ??= this.#makeState())
  }

  #makeState(): State {
    const snapshot = this.#snapshot
    // From the first reading on, also while what builds the text is still being loaded.
    const reads = this.#wanted
    const behind = reads && snapshot !== null && this.#seq < snapshot.seq
    // Rule 9: an end is shown with the last chunk, not before.
    const status = snapshot === null ? 'idle' : behind && snapshot.ending ? 'streaming' : snapshot.status
    const failure =
      this.#broken ?? this.#failure ?? (snapshot?.failure && !behind ? HeadwaterError.from(snapshot.failure) : null)
    const want = (): void => this.#wantContent()
    const { text = '', parts = NO_PARTS, usage } = this.#content ?? {}
    return {
      streamId: snapshot?.streamId ?? null,
      seq: reads ? this.#seq : (snapshot?.seq ?? 0),
      status,
      ...(snapshot?.waitingFor && { waitingFor: snapshot.waitingFor }),
      get text() {
        want()
        return text
      },
      get parts() {
        want()
        return parts
      },
      get usage() {
        want()
        return usage
      },
      ...(snapshot?.upload && { upload: snapshot.upload }),
      ...(snapshot?.meta !== undefined && { meta: snapshot.meta }),
      loading: LOADING.includes(status),
      done: status === 'done',
      canResume: snapshot?.canResume ?? false,
      canRetry: snapshot?.canRetry ?? false,
      error: failure?.message ?? null,
      failure,
      ending: behind ? null : (snapshot?.ending ?? null),
      gaps: reads ? this.#gaps.slice() : (snapshot?.gaps ?? []),
    }
  }

  subscribe(listener: () => void, { signal }: { signal?: AbortSignal } = {}): () => void {
    // The same function given twice is two subscriptions.
    const own = (): void => listener()
    const off = (): void => {
      this.#listeners.delete(own)
      signal?.removeEventListener('abort', off)
    }
    if (signal?.aborted) return off
    this.#listeners.add(own)
    signal?.addEventListener('abort', off, { once: true })
    return off
  }

  close(): void {
    this.#closed = true
    this.#listeners.clear()
    for (const resolve of this.#known) resolve()
    this.#cursor.close()
  }
}
