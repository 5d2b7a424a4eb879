import { HeadwaterError } from '../../../src/protocol/errors.ts'
import type { LogStore, RowChange } from '../../../src/store/log-store.ts'
import { MemoryLogStore } from '../../../src/store/memory-store.ts'

type Call = 'row' | 'rows' | 'newest' | 'commit' | 'openChannel' | 'readLog'

/** A store whose calls can be made to fail, or to wait: before they happen, or after they happened and before the caller hears of it. */
export class UnreliableStore implements LogStore {
  readonly durable = true
  readonly #store: LogStore
  readonly failing = new Set<Call>()
  /** What the browser would call it: the disk is full, or the database cannot be reached. */
  reason: 'QuotaExceededError' | 'UnknownError' = 'UnknownError'
  readonly calls: Call[] = []
  readonly #gates = new Map<string, Promise<void>>()
  /** Calls that wait before they happen. */
  readonly #waiting: Call[] = []
  /** Its hub died: what that one was about to ask, it never asks. */
  abandoned = false

  constructor(store: LogStore = new MemoryLogStore()) {
    this.#store = store
  }

  /** While true, whatever would write is refused; what only reads is not. */
  full = false

  #refuseWrites(): never {
    throw new HeadwaterError('store', 'The disk is full.', { name: 'QuotaExceededError' })
  }

  /** From now on these calls wait, until the function that is answered is called. */
  hold(call: Call, when: 'before' | 'after' = 'before'): () => void {
    let open: () => void = () => undefined
    const key = `${when} ${call}`
    this.#gates.set(key, new Promise((resolve) => (open = resolve)))
    return () => {
      this.#gates.delete(key)
      open()
    }
  }

  /** What waits goes on waiting; what comes from now on does not. */
  pass(call: Call, when: 'before' | 'after' = 'before'): void {
    this.#gates.delete(`${when} ${call}`)
  }

  async #call<T>(call: Call, act: () => Promise<T>): Promise<T> {
    this.calls.push(call)
    await this.#pass(call)
    if (this.abandoned) return new Promise<never>(() => undefined)
    if (this.failing.has(call)) throw new HeadwaterError('store', `The disk says no to ${call}.`, { name: this.reason })
    const result = await act()
    await this.#gates.get(`after ${call}`)
    return result
  }

  async #pass(call: Call): Promise<void> {
    const gate = this.#gates.get(`before ${call}`)
    if (gate === undefined) return
    this.#waiting.push(call)
    await gate
    this.#waiting.splice(this.#waiting.indexOf(call), 1)
  }

  /** Whether such a call waits before it happens. */
  isHeld(call: Call): boolean {
    return this.#waiting.includes(call)
  }

  #asFarAsItFits(change: RowChange): RowChange {
    return {
      ...change,
      decide: (row) => {
        const decided = change.decide(row)
        return this.full && decided !== null ? this.#refuseWrites() : decided
      },
    }
  }

  row: LogStore['row'] = (id) => this.#call('row', () => this.#store.row(id))
  rows: LogStore['rows'] = (channel) => this.#call('rows', () => this.#store.rows(channel))
  newest: LogStore['newest'] = (channel) => this.#call('newest', () => this.#store.newest(channel))
  commit: LogStore['commit'] = (changes) =>
    this.#call('commit', () => this.#store.commit(changes.map((change) => this.#asFarAsItFits(change))))
  openChannel: LogStore['openChannel'] = (channel, decide) =>
    this.#call('openChannel', () =>
      this.#store.openChannel(channel, (rows) => {
        const decided = decide(rows)
        return this.full && decided.length > 0 ? this.#refuseWrites() : decided
      }),
    )
  readLog: LogStore['readLog'] = (...args) => this.#call('readLog', () => this.#store.readLog(...args))
  prune: LogStore['prune'] = (id, maxSize) => this.#store.prune(id, maxSize)
  compact: LogStore['compact'] = (id) => this.#store.compact(id)
  remove: LogStore['remove'] = (ids) => this.#store.remove(ids)
  clear: LogStore['clear'] = () => this.#store.clear()
  close: LogStore['close'] = () => this.#store.close()
}
