import type { Watcher } from '../../protocol/socket.ts'

/** Who comes and goes is told together, so that a thousand watchers who come at once are not a thousand frames for each of them. */
const TELL_MS = 50

type Watchers = ReadonlyMap<string, Watcher>

interface Stay {
  readonly as: string | null
  readonly since: number
}

class Room {
  /** The subscriptions of each watcher. */
  readonly stays = new Map<string, Set<Stay>>()
  readonly listeners = new Set<() => void>()
  #timer: ReturnType<typeof setTimeout> | null = null
  #list: Watchers | null = null

  get isEmpty(): boolean {
    return this.stays.size === 0 && this.listeners.size === 0
  }

  changed(): void {
    this.#list = null
    if (this.listeners.size === 0) return
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      for (const listener of [...this.listeners]) listener()
    }, TELL_MS)
  }

  /** Made once per change, for all who ask. */
  list(): Watchers {
    return (this.#list ??= new Map([...this.stays].map(([watcher, stays]) => [watcher, describe(watcher, stays)])))
  }
}

// The first subscription says since when, the last one that gave a name says which.
function describe(watcher: string, stays: ReadonlySet<Stay>): Watcher {
  let since = Infinity
  let as: string | null = null
  for (const stay of stays) {
    since = Math.min(since, stay.since)
    as = stay.as ?? as
  }
  return { watcher, as, since }
}

/** Who came, or has another name, and who went. */
export interface Change {
  readonly joined: readonly Watcher[]
  readonly left: readonly Watcher[]
}

function compare(before: Watchers, now: Watchers): Change {
  return {
    joined: [...now.values()].filter((watcher) => !isSame(before.get(watcher.watcher), watcher)),
    left: [...before.values()].filter(({ watcher }) => !now.has(watcher)),
  }
}

function isSame(a: Watcher | undefined, b: Watcher): boolean {
  return a !== undefined && a.as === b.as && a.since === b.since
}

/** Who watches which channel, on this server. */
export class Presence {
  readonly #rooms = new Map<string, Room>()
  /** By the list before: what came after it. */
  readonly #changes = new WeakMap<Watchers, { readonly now: WeakRef<Watchers>; readonly change: Change }>()
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  /** Counts a subscription of a watcher in. Returns the way to count it out, which may be called twice. */
  enter(channel: string, watcher: string, as: string | null): () => void {
    const room = this.#room(channel)
    const stay = { as, since: this.#now() }
    const stays = room.stays.get(watcher) ?? new Set()
    room.stays.set(watcher, stays.add(stay))
    room.changed()
    return () => {
      if (!stays.delete(stay)) return
      if (stays.size === 0 && room.stays.get(watcher) === stays) room.stays.delete(watcher)
      room.changed()
      this.#forget(channel, room)
    }
  }

  /** Who watches a channel now; what is given out does not change. */
  list(channel: string): Watchers {
    return this.#rooms.get(channel)?.list() ?? new Map<string, Watcher>()
  }

  /** What changed from one list to a later one. Compared once for all who have the one and get the other: else each of many would compare many. */
  changeOf(before: Watchers, now: Watchers): Change {
    const known = this.#changes.get(before)
    if (known?.now.deref() === now) return known.change
    const change = compare(before, now)
    // Weak: whoever is slow and keeps an old list must not keep all that came after it.
    this.#changes.set(before, { now: new WeakRef(now), change })
    return change
  }

  /** Calls a little after somebody came or went. Returns the way to stop it. */
  watch(channel: string, listener: () => void): () => void {
    const room = this.#room(channel)
    room.listeners.add(listener)
    return () => {
      room.listeners.delete(listener)
      this.#forget(channel, room)
    }
  }

  #room(channel: string): Room {
    const room = this.#rooms.get(channel) ?? new Room()
    this.#rooms.set(channel, room)
    return room
  }

  #forget(channel: string, room: Room): void {
    if (room.isEmpty && this.#rooms.get(channel) === room) this.#rooms.delete(channel)
  }
}
