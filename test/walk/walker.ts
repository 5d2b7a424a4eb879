import '../../src/client/content.ts'
import type { HubChannel } from '../../src/client/hub-channel.ts'
import { HeadwaterError } from '../../src/protocol/errors.ts'
import type { World } from '../unit/hub/world.ts'
import type { ReaderRecord } from './reference.ts'
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
])

export interface WalkTab {
  tag: string
  page: ReturnType<World['openTab']>
  channels: Map<string, { channel: HubChannel; reads: boolean }>
  readers: ReaderRecord[]
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
  /** Waits of slow things that the walk ends when it likes. */
  readonly gates = new Map<string, () => void>()
  /** Nothing is disturbed, and nothing slow, any more. */
  peace = false

  private constructor(world: WalkWorld, reference: Reference, truth: Truth, channels: readonly string[]) {
    this.world = world
    this.reference = reference
    this.truth = truth
    this.channels = channels
  }

  static async create(kind: StoreKind, channels: number): Promise<Walker> {
    const truth = new Truth()
    const reference = new Reference(truth)
    const world = await WalkWorld.create(kind, truth, reference.committed)
    return new Walker(
      world,
      reference,
      truth,
      Array.from({ length: channels }, (_, i) => `c${i}`),
    )
  }

  async settle(turns: number): Promise<void> {
    for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
  }

  /** A tab that follows these channels. */
  open(follows: readonly (readonly [name: string, reads: boolean])[]): WalkTab {
    const page = this.world.openTab()
    const tab: WalkTab = { tag: page.tag, page, channels: new Map(), readers: [], paused: false }
    this.world.valve(page.tag).heard = (method, argument) => this.reference.heard(method, argument)
    for (const [name, reads] of follows) {
      const channel = page.channel(name)
      if (reads) void channel.text
      tab.channels.set(name, { channel, reads })
    }
    this.tabs.push(tab)
    return tab
  }

  /** The tab is gone: nobody waits for its answers any more. */
  gone(tab: WalkTab): void {
    this.tabs = this.tabs.filter((other) => other !== tab)
    this.answers = this.answers.filter((answer) => answer.tab !== tab)
  }

  /** Tabs that a user could do something in. */
  get awake(): WalkTab[] {
    return this.tabs.filter((tab) => !tab.paused && !this.world.valve(tab.tag).shut)
  }

  /** Asks something of a hub, and keeps an eye on the answer. */
  ask<T>(tab: WalkTab, what: string, asked: Promise<T>, answered?: (value: T) => void, ofStream?: string): void {
    const answer: Answer = { what, tab, settled: false, ofStream }
    this.answers.push(answer)
    asked
      .then(
        (value) => answered?.(value),
        (error: unknown) => this.#mayRefuse(what, error),
      )
      .catch((violation: unknown) => (this.reference.found ??= violation))
      .finally(() => (answer.settled = true))
  }

  #mayRefuse(what: string, error: unknown): void {
    const known = error instanceof HeadwaterError && REFUSALS.has(error.code)
    must(known, 'every refusal is one of those that were promised', () => `${what}: ${String(error)}`)
  }

  /** Reads a stream to its end, chunk by chunk. `gate` is asked before each pull. */
  read(tab: WalkTab, channel: HubChannel, streamId: string, from: number, gate: () => Promise<void>): void {
    const record: ReaderRecord = { streamId, firstSeq: from, data: [], ended: false, error: null }
    tab.readers.push(record)
    const pull = async (): Promise<void> => {
      for await (const { seq, data } of channel.read({ streamId, from })) {
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

  /** Everything that must hold whenever one looks. */
  async check(): Promise<void> {
    for (const { channels, readers } of this.tabs) {
      for (const { channel, reads } of channels.values()) this.reference.checkView(channel.state, reads)
      for (const record of readers) this.reference.checkReader(record)
    }
    this.reference.checkSockets((hub) => this.world.isZombie(hub))
    await this.reference.checkStore(this.world.store)
    if (this.reference.found !== null) throw this.reference.found
  }
}
