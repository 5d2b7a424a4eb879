import { incompleteTail, joinBytes } from '../durable-streams/page-body.ts'
import { isLastPage } from '../follow.ts'
import type { Page } from '../follow.ts'
import { MAX_APPEND_BYTES, SSE_PAGE_BYTES } from '../limits.ts'
import type { Place, StreamName, StreamStore } from '../stream-store.ts'
import type { PageEncoder } from './page-encoder.ts'

/**
 * The page at a place, up to where text is whole: a character may be split between two appends, and as text it cannot be sent in halves. Its end
 * is then left for the next page; a page without records waits for more. `null` where there is no stream any more.
 */
export async function readWhole(
  store: StreamStore,
  name: StreamName,
  from: Place,
  encoder: PageEncoder,
): Promise<Page | null> {
  for (let bytes = SSE_PAGE_BYTES; ; bytes *= 4) {
    const page = await store.read(name, from, bytes)
    if (page.kind !== 'page') return null
    // An ending is not held up by the half of a character: nothing will complete it.
    if (!encoder.isText || isLastPage(page)) return page
    const whole = cutWhole(page)
    const isAll = page.next.record === page.info.tail.record
    if (whole.records.length > 0 || isAll) return whole
    // What takes more bytes than two appends may have is no text.
    if (bytes > 2 * MAX_APPEND_BYTES) return page
  }
}

function cutWhole(page: Page): Page {
  let { records } = page
  let { byte } = page.next
  // The last four bytes decide, and records may be shorter than that.
  while (records.length > 0 && incompleteTail(joinBytes(records.slice(-4))) > 0) {
    byte -= records.at(-1)?.byteLength ?? 0
    records = records.slice(0, -1)
  }
  if (records.length === page.records.length) return page
  return { ...page, records, next: { record: page.from.record + records.length, byte } }
}
