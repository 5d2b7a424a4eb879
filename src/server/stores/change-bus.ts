import type { StreamChange, StreamName } from '../stream-store.ts'

type Listener = (change: StreamChange | null) => void

const keyOf = (name: StreamName): string => JSON.stringify([name.channel, name.run])

/** Tells readers in this process that a stream moved. */
export class ChangeBus {
  readonly #byName = new Map<string, Set<Listener>>()
  readonly #all = new Set<Listener>()

  emit(change: StreamChange): void {
    // Copies, because a listener may leave while it is called.
    if (this.#byName.size > 0)
      for (const listener of [...(this.#byName.get(keyOf(change.name)) ?? [])]) listener(change)
    for (const listener of [...this.#all]) listener(change)
  }

  /** Changes may have been missed: everybody looks again. */
  emitMissed(): void {
    for (const listeners of [...this.#byName.values(), this.#all]) for (const listener of [...listeners]) listener(null)
  }

  watch(name: StreamName, listener: Listener): () => void {
    const key = keyOf(name)
    const listeners = this.#byName.get(key) ?? new Set<Listener>()
    this.#byName.set(key, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.#byName.get(key) === listeners) this.#byName.delete(key)
    }
  }

  watchAll(listener: Listener): () => void {
    this.#all.add(listener)
    return () => this.#all.delete(listener)
  }
}
