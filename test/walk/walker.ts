import type { ChannelOptions, Reader, Sink } from '../../src/client/api.ts'
import type { HubChannel } from '../../src/client/hub-channel.ts'
import { HeadwaterError } from '../../src/protocol/errors.ts'
import type { World } from '../unit/hub/world.ts'
import type { ListenerRecord, ReaderRecord, WriterRecord } from './reference.ts'
import { Reference } from './reference.ts'
import { Truth } from './truth.ts'
import { must } from './violation.ts'
import type { StoreKind } from './walk-world.ts'
import { WalkWorld } from './walk-world.ts'

/** What a user may be told instead of an answer; anything else is a fault. */
const REFUSALS = new Set([
  'closed',
  'unknown-stream',
  'not-resumable',
  'store',
  'upstream-error',
  'http',
  'worker-failed',
  'cancelled',
  'producer-lost',
])

export interface WalkTab {
  tag: string
  page: ReturnType<World['openTab']>
  channels: Map<string, { channel: HubChannel; reads: boolean }>
  readers: { record: ReaderRecord; reader: Reader }[]
  writers: WriterRecord[]
  listeners: (ListenerRecord & { off(): void })[]
  /** In the back-forward cache. */
  paused: boolean
}

interface Answer {
  what: string
  tab: WalkTab
  settled: boolean
  /** Whoever reads this stream has no answer before it ends. */
  ofStream: string | undefined
}

/** The state of one walk under Node: a world, who is in it, what was asked, and the reference that all is compared with. */
export class Walker {
  readonly truth: Truth
  readonly reference: Reference
  readonly channels: readonly string[]
  readonly world: WalkWorld
  tabs: WalkTab[] = []
  answers: Answer[] = []
  /** What is asked for with each channel, in every tab. */
  readonly #options: ReadonlyMap<string, ChannelOptions>
  /** Waits of slow things that the walk ends when it likes. */
  readonly gates = new Map<string, () => void>()
  gatesMade = 0
  /** Nothing is disturbed, and nothing slow, any more. */
  peace = false

  private constructor(
    world: WalkWorld,
    reference: Reference,
    truth: Truth,
    channels: ReadonlyMap<string, ChannelOptions>,
  ) {
    this.world = world
    this.reference = reference
    this.truth = truth
    this.channels = [...channels.keys()]
    this.#options = channels
  }

  /** @param channels the options of each */
  static async create(kind: StoreKind, channels: readonly ChannelOptions[]): Promise<Walker> {
    const truth = new Truth()
    const reference = new Reference(truth)
    const world = await WalkWorld.create(kind, truth, reference.committed, reference.refused)
    return new Walker(world, reference, truth, new Map(channels.map((options, i) => [`c${i}`, options])))
  }

  async settle(turns: number): Promise<void> {
    for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
  }

  /** A tab that follows these channels. */
  open(follows: readonly (readonly [name: string, reads: boolean])[]): WalkTab {
    const page = this.world.openTab()
    const tab: WalkTab = {
      tag: page.tag,
      page,
      channels: new Map(),
      readers: [],
      writers: [],
      listeners: [],
      paused: false,
    }
    this.world.valve(page.tag).heard = (method, argument) => this.reference.heard(method, argument)
    for (const [name, reads] of follows) {
      const channel = page.channel(name, this.#options.get(name))
      if (reads) void channel.text
      tab.channels.set(name, { channel, reads })
    }
    this.tabs.push(tab)
    return tab
  }

  /** The tab is gone: nobody waits for its answers any more. */
  gone(tab: WalkTab): void {
    this.leaves(tab)
    this.tabs = this.tabs.filter((other) => other !== tab)
    this.answers = this.answers.filter((answer) => answer.tab !== tab)
  }

  /** What the tab wrote ends: it lets go of everything. */
  leaves({ writers }: WalkTab): void {
    for (const { run } of writers) run.left = true
  }

  /** Tabs that a user could do something in. */
  get awake(): WalkTab[] {
    return this.tabs.filter((tab) => !tab.paused && !this.world.valve(tab.tag).shut)
  }

  /**
   * Whether some start has no answer yet. Where its hub dies it is said again; and of a stream that was deleted in between nothing is left that could
   * tell the next hub so: it starts anew. Nor could anything tell a hub that is taken for dead and was about to carry the same start out. Deletions leave no
   * trace, so this cannot be had.
   */
  get isStarting(): boolean {
    return (
      this.answers.some(({ what, settled }) => !settled && /^(send|open|retry|start) /.test(what)) ||
      this.world.stores.some((store) => store.isHeld('openChannel'))
    )
  }

  /** Asks something of a hub, and keeps an eye on the answer. */
  ask<T>(tab: WalkTab, what: string, asked: Promise<T>, answered?: (value: T) => void, ofStream?: string): void {
    const answer: Answer = { what, tab, settled: false, ofStream }
    this.answers.push(answer)
    asked
      .then(
        (value) => answered?.(value),
        (error: unknown) => this.#mayRefuse(what, error, ofStream),
      )
      .catch((violation: unknown) => (this.reference.found ??= violation))
      .finally(() => (answer.settled = true))
  }

  #mayRefuse(what: string, error: unknown, ofStream = ''): void {
    const code = error instanceof HeadwaterError ? error.code : ''
    const isPromised =
      REFUSALS.has(code) ||
      (code === 'gap' && this.reference.known(ofStream).unsure) ||
      // Its hub died with what it had in memory alone (rule 8).
      (code === 'hub-lost' && this.reference.isAnyUnsure)
    must(isPromised, 'every refusal is one of those that were promised', () => `${what}: ${String(error)}`)
  }

  /** Reads a stream to its end, chunk by chunk. `gate` is asked before each pull. */
  read(tab: WalkTab, channel: HubChannel, streamId: string, from: number, gate: () => Promise<void>): void {
    const record: ReaderRecord = { streamId, firstSeq: from, data: [], ended: false, cancelled: false, error: null }
    const reader = channel.read({ streamId, from })
    tab.readers.push({ record, reader })
    const pull = async (): Promise<void> => {
      for await (const { seq, data } of reader) {
        record.data.push({ seq, data })
        await gate()
      }
      record.ended = true
    }
    this.ask(
      tab,
      `read ${streamId} from ${from}`,
      pull().catch((error: unknown) => {
        record.error = error as { code?: string }
        throw error
      }),
      undefined,
      streamId,
    )
  }

  /** A page starts to write a stream that is there already: it is refused, whoever writes that one. */
  startAgain(tab: WalkTab, sink: Sink): void {
    const { forgetAsked } = this.reference.known(sink.id)
    const refused = sink.write('never').then(
      () => {
        const what = (): string => JSON.stringify(this.reference.row(sink.id))
        must(forgetAsked || this.reference.known(sink.id).forgetAsked, 'an id is used once', what)
      },
      (error: unknown) => {
        const code = error instanceof HeadwaterError ? error.code : null
        if (code !== 'live-id' && code !== 'bad-id') throw error
      },
    )
    this.ask(tab, `start ${sink.id} again`, refused)
  }

  /** Listens in a channel, and compares what it hears with what was said. */
  listen(tab: WalkTab, name: string, channel: HubChannel, event: string): void {
    const record: ListenerRecord = { channel: name, heard: new Set(), seqs: new Map() }
    const off = channel.on(event, (what) => {
      try {
        this.reference.heardEvent(record, what, channel.state)
      } catch (violation) {
        this.reference.found ??= violation
      }
    })
    tab.listeners.push(Object.assign(record, { off }))
  }

  /** Answers with the number of the event. */
  publish(tab: WalkTab, name: string, channel: HubChannel, event: string): number {
    const number = this.reference.published.push(name) - 1
    this.ask(tab, `publish ${number}`, channel.publish(event, number))
    return number
  }

  /** Everything that must hold whenever one looks. */
  async check(): Promise<void> {
    for (const { channels, readers, writers } of this.tabs) {
      for (const { channel, reads } of channels.values()) this.reference.checkView(channel.state, reads)
      for (const { record } of readers) this.reference.checkReader(record)
      for (const writer of writers) this.reference.checkWriter(writer)
    }
    this.reference.checkSockets((hub) => this.world.isZombie(hub))
    await this.reference.checkStore(this.world.store)
    if (this.reference.found !== null) throw this.reference.found
  }
}
