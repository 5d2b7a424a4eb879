import type { Channel, StreamInfo } from 'headwater'

/** As many as the hub answers with at once. */
const PAGE = 1_000

/** All streams of a channel, oldest first, however many. Rejects as `history` does. */
export async function allStreams(channel: Pick<Channel, 'history'>): Promise<readonly StreamInfo[]> {
  const pages = [await channel.history({ limit: PAGE })]
  for (let [page = []] = pages; page.length === PAGE;) {
    const before = page[0]?.streamId
    page = await channel.history({ limit: PAGE, ...(before !== undefined && { before }) })
    // A hub of an earlier release knows no pages, and answers with all.
    if (page[0]?.streamId === before) break
    pages.unshift(page)
  }
  return pages.flat()
}
