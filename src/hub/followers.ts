import type { Cursor } from './cursor.ts'
import type { StreamSession } from './stream-session.ts'

/** The cursors that read the newest stream of a channel, now and whenever a newer one starts. */
export class Followers {
  readonly #cursors = new Map<string, Set<Cursor>>()

  add(channel: string, cursor: Cursor): void {
    const cursors = this.#cursors.get(channel) ?? new Set()
    cursors.add(cursor)
    this.#cursors.set(channel, cursors)
  }

  remove(channel: string, cursor: Cursor): void {
    const cursors = this.#cursors.get(channel)
    cursors?.delete(cursor)
    if (cursors?.size === 0) this.#cursors.delete(channel)
  }

  /** Channels that somebody follows. */
  get channels(): string[] {
    return [...this.#cursors.keys()]
  }

  has(channel: string): boolean {
    return this.#cursors.has(channel)
  }

  /** Whether somebody who follows the channel reads another stream than this one, or one that was deleted. */
  anyElsewhere(channel: string, streamId: string): boolean {
    const cursors = [...(this.#cursors.get(channel) ?? [])]
    return cursors.some(({ session }) => session?.streamId !== streamId || session.row === undefined)
  }

  /** Moves who follows the channel to its newest stream. Answers with the sessions that were left. */
  move(channel: string, newest: StreamSession): StreamSession[] {
    const left: StreamSession[] = []
    for (const cursor of this.#cursors.get(channel) ?? []) {
      const now = cursor.session
      if (now === newest) continue
      // Two of these may overlap: the older answer must not undo the newer one.
      if (now?.row !== undefined && newest.row !== undefined && now.row.createdAt > newest.row.createdAt) continue
      cursor.follow(newest, 1)
      if (now !== null) left.push(now)
    }
    return left
  }
}
