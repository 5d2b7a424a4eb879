import type { Watcher } from '../../protocol/socket.ts'

/** Who comes and goes is told together, so that a thousand watchers who come at once are not a thousand frames for each of them. */
const TELL_MS = 50

/** Watchers of a channel that are named, those who came first: more than a person reads, and a frame of some 16 KiB. The others are counted. */
export const MAX_NAMED_WATCHERS = 200

/** Who watches a channel at one moment. */
export interface Audience {
  readonly named: ReadonlyMap<string, Watcher>
  /** Of all, named or not. */
  readonly count: number
}

const NOBODY: Audience = { named: new Map(), count: 0 }

interface Stay {
  readonly as: string | null
  readonly since: number
}

class Room {
  /** The subscriptions of each watcher. */
  readonly stays = new Map<string, Set<Stay>>()
  readonly listeners = new Set<() => void>()
  #timer: ReturnType<typeof setTimeout> | null = null
  #audience: Audience | null = null

  get isEmpty(): boolean {
    return this.stays.size === 0 && this.listeners.size === 0
  }

  changed(): void {
    this.#audience = null
    if (this.listeners.size === 0) return
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      for (const listener of [...this.listeners]) listener()
    }, TELL_MS)
  }

  /** Made once per change, for all who ask. */
  audience(): Audience {
    return (this.#audience ??= this.#look())
  }

  #look(): Audience {
    const named = new Map<string, Watcher>()
    // In the order in which they came. So whoever is named stays so until the end, and one who follows takes the place.
    for (const [watcher, stays] of this.stays) {
      if (named.size === MAX_NAMED_WATCHERS) break
      named.set(watcher, describe(watcher, stays))
    }
    return { named, count: this.stays.size }
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

/** Who of those that are named came, took a place that became free, or has another name, and who went. */
export interface Change {
  readonly joined: readonly Watcher[]
  readonly left: readonly Watcher[]
}

function compare({ named: before }: Audience, { named: now }: Audience): Change {
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
  /** By the audience before: what came after it. */
  readonly #changes = new WeakMap<Audience, { readonly now: WeakRef<Audience>; readonly change: Change }>()
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
  audience(channel: string): Audience {
    return this.#rooms.get(channel)?.audience() ?? NOBODY
  }

  /** What changed from one audience to a later one. Compared once for all who have the one and get the other: else each of many would compare many. */
  changeOf(before: Audience, now: Audience): Change {
    const known = this.#changes.get(before)
    if (known?.now.deref() === now) return known.change
    const change = compare(before, now)
    // Weak: whoever is slow and keeps an old one must not keep all that came after it.
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
