import { foldChannelEvent, nextPageOf } from './server-channels.ts'
import type { ChannelPage, ServerChannels } from './server-channels.ts'

/**
 * The server's channels, out of the events of its feed and the pages that follow: a snapshot has the newest thousand. Changes are told of all.
 */
export class ListedChannels {
  #channels: ServerChannels = new Map()
  /** Known from before, and not seen since the last snapshot. They stay until the pages were read: a channel that is shown must not vanish meanwhile. */
  #doubtful = new Set<string>()
  #next: string | null = null
  /** Raised with each snapshot: a page that was asked for before it is worth nothing. */
  #snapshots = 0

  /** By name. The same object until something changes. */
  get channels(): ServerChannels {
    return this.#channels
  }

  /** Applies one event. Answers whether it changed anything. */
  apply(event: string | undefined, data: string): boolean {
    const before = this.#channels
    const after = foldChannelEvent(before, event, data)
    if (after === before) return false
    if (event === 'snapshot') {
      this.#snapshots += 1
      this.#next = nextPageOf(data)
      this.#doubtful = new Set([...before.keys()].filter((name) => this.#next !== null && !after.has(name)))
      this.#channels = new Map([...after, ...[...before].filter(([name]) => this.#doubtful.has(name))])
    } else {
      for (const [name, channel] of after) if (before.get(name) !== channel) this.#doubtful.delete(name)
      this.#channels = after
    }
    return true
  }

  /**
   * Reads what the last snapshot left out, page by page, unless there is a newer one meanwhile.
   * @param onChange called after each page
   * @throws whatever `fetchPage` does; the channels that were known stay
   */
  async readOlder(fetchPage: (before: string) => Promise<ChannelPage>, onChange: () => void): Promise<void> {
    const snapshot = this.#snapshots
    let next = this.#next
    this.#next = null
    while (next !== null) {
      const page = await fetchPage(next)
      if (snapshot !== this.#snapshots) return
      next = page.next
      const channels = new Map(this.#channels)
      for (const channel of page.channels) {
        // What an event said of it is newer.
        if (!channels.has(channel.channel) || this.#doubtful.delete(channel.channel)) {
          channels.set(channel.channel, channel)
        }
      }
      if (next === null) for (const gone of this.#doubtful) channels.delete(gone)
      this.#channels = channels
      onChange()
    }
  }
}
