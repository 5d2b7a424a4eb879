import type { Hub } from '../../src/hub/hub.ts'
import type { ConnectUpstream } from '../../src/upstream/upstream.ts'
import { openIdbLogStore } from '../../src/store/idb-store.ts'
import type { LogStore } from '../../src/store/log-store.ts'
import { MemoryLogStore } from '../../src/store/memory-store.ts'
import { UnreliableStore } from '../unit/hub/unreliable-store.ts'
import { World } from '../unit/hub/world.ts'
import type { OnCommitted } from './recording-store.ts'
import { recording, telling, type OnRefused } from './recording-store.ts'
import type { Truth } from './truth.ts'
import { through, Valve } from './wire.ts'

export type StoreKind = 'memory' | 'indexeddb'

let databases = 0

/** The world of the hub's tests, with stores that tell what they committed, servers that know the truth, and tabs that freeze and crash. */
export class WalkWorld extends World {
  readonly #kind: StoreKind
  readonly #truth: Truth
  readonly #committed: OnCommitted
  readonly #refused: OnRefused
  readonly #database = `walk-${++databases}-${Date.now()}`
  readonly #valves = new Map<string, Valve>()
  /** One per hub, as every hub has its own handle of the one database. */
  readonly stores: UnreliableStore[] = []
  readonly #storeOf = new Map<string, UnreliableStore>()

  constructor(kind: StoreKind, store: LogStore, truth: Truth, committed: OnCommitted, refused: OnRefused) {
    super(store)
    this.#kind = kind
    this.#truth = truth
    this.#committed = committed
    this.#refused = refused
  }

  /** A world with a store of its own. */
  static async create(kind: StoreKind, truth: Truth, committed: OnCommitted, refused: OnRefused): Promise<WalkWorld> {
    const world: WalkWorld = new WalkWorld(kind, new MemoryLogStore(), truth, committed, refused)
    return kind === 'memory' ? world : Object.assign(world, { store: await openIdbLogStore(world.#database) })
  }

  protected override async storeOf(hub: string): Promise<LogStore> {
    const shared = this.#kind === 'memory'
    const inner = shared ? this.store : await openIdbLogStore(this.#database)
    const store = new UnreliableStore(
      recording(inner, this.#committed, () => {
        if (!shared) inner.close()
      }),
    )
    this.stores.push(store)
    this.#storeOf.set(hub, store)
    return telling(store, this.#refused)
  }

  protected override connectOf(hub: string): ConnectUpstream {
    return this.#truth.connectOf(hub)
  }

  protected override wire(tab: string, port: MessagePort): MessagePort {
    return through(port, this.valve(tab))
  }

  /** What all ports of a tab pass through. */
  valve(tab: string): Valve {
    let valve = this.#valves.get(tab)
    if (valve === undefined) {
      valve = new Valve()
      this.#valves.set(tab, valve)
    }
    return valve
  }

  /** A tab dies without a word: its ports fall silent, its locks are free. */
  crashTab(tab: string): void {
    this.valve(tab).close()
    this.locks.kill(tab)
  }

  /** A call that waits before it reaches the store is one that the hub has not made: made after its death, it would come behind its successors' own. */
  override killHub(hub: Hub): void {
    const store = this.#storeOf.get(hub.bootId)
    if (store) store.abandoned = true
    super.killHub(hub)
  }

  override async close(): Promise<void> {
    await super.close()
    this.store.close()
    if (this.#kind === 'indexeddb') indexedDB.deleteDatabase(this.#database)
  }
}
