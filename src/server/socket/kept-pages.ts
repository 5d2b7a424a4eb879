import type { SharedPage } from './shared-page.ts'

interface Kept {
  bytes: number
  readonly drop: () => void
}

/**
 * What is kept of all streams for sockets, bounded by bytes: where it is too much the pages that were read first go, and whoever comes to their place
 * later reads them again. A page that is being given out is kept however large it is, so that there may be that one beyond the bound.
 */
export class KeptPages {
  readonly #maxBytes: number
  /** In the order in which they were read. */
  readonly #kept = new Map<SharedPage, Kept>()
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Bytes that are kept. */
  get bytes(): number {
    return this.#bytes
  }

  /** @param drop called where the page has to go; must lead to {@link KeptPages.remove} */
  add(page: SharedPage, drop: () => void): void {
    this.#kept.set(page, { bytes: 0, drop })
    this.count(page)
  }

  /** A page takes more than before. */
  count(page: SharedPage): void {
    const kept = this.#kept.get(page)
    // Dropped while it was given out.
    if (kept === undefined) return
    this.#bytes += page.bytes - kept.bytes
    kept.bytes = page.bytes
    for (const [oldest, { drop }] of this.#kept) {
      if (this.#bytes <= this.#maxBytes) break
      if (oldest !== page) drop()
    }
  }

  remove(page: SharedPage): void {
    this.#bytes -= this.#kept.get(page)?.bytes ?? 0
    this.#kept.delete(page)
  }
}
