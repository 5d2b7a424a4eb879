import type { Ending, NewChunk } from '../protocol/chunk.ts'
import type { TerminalRule } from '../protocol/dialect.ts'
import { conclude, judge } from '../dialects/evidence.ts'
import type { Position } from '../protocol/position.ts'
import type { Verdict } from '../protocol/verdict.ts'
import { HASH_START, hashBytes, hashUnit } from './running-hash.ts'
import type { UpstreamFrame } from './upstream.ts'

/** Where a connection stands in its upstream: what it still has to drop, the position after what it gave, and what was said of the end. */
export class Progress {
  #rules: readonly TerminalRule[]
  #token: string | null
  #skip = 0
  #hash = HASH_START
  // What an earlier connection committed after the token, and this one is sent again.
  #toDrop: number
  #expectedHash: number | undefined
  #gap: UpstreamFrame['gap']
  #verdict: Verdict | null

  constructor(position: Position, rules: readonly TerminalRule[], verdict: Verdict | null) {
    this.#rules = rules
    this.#token = position.token
    this.#toDrop = position.skip
    this.#expectedHash = position.hash
    this.#verdict = verdict
  }

  /** Takes one unit (an event, a line, a message) in: false where it was dropped because it is committed already. */
  takeUnit(data: string, event?: string, id?: string): boolean {
    if (this.#toDrop > 0) {
      this.#skip++
      this.#hash = hashUnit(this.#hash, data, event)
      this.#toDrop--
      this.#compare()
      return false
    }
    // An empty id resets upstream's memory: there is nothing to ask from, so it counts as no id.
    if (id !== undefined && id !== '') this.moveTo(id)
    else {
      this.#skip++
      this.#hash = hashUnit(this.#hash, data, event)
    }
    return true
  }

  /** Takes bytes in, as the units that they are: what is left once the committed ones are dropped. They count as given. */
  takeBytes(bytes: Uint8Array): Uint8Array {
    const dropped = bytes.subarray(0, this.#toDrop)
    this.#toDrop -= dropped.length
    this.#skip += bytes.length
    this.#hash = hashBytes(this.#hash, dropped)
    if (dropped.length > 0) this.#compare()
    const rest = bytes.subarray(dropped.length)
    this.#hash = hashBytes(this.#hash, rest)
    return rest
  }

  #compare(): void {
    if (this.#toDrop === 0 && this.#expectedHash !== undefined && this.#hash !== this.#expectedHash) {
      this.#gap = 'upstream-changed'
    }
  }

  /** Upstream goes on at this token; nothing after it was given yet. */
  moveTo(token: string | null): void {
    // Upstream is shorter than what was committed of it.
    if (this.#toDrop > 0) this.#gap = 'upstream-changed'
    this.#toDrop = 0
    this.#token = token
    this.#skip = 0
    this.#hash = HASH_START
  }

  /** Upstream no longer has what follows the position: go on at `token`, with a gap. */
  loseUpTo(token: string | null): void {
    this.moveTo(token)
    this.#gap = 'retention'
  }

  /** The place after all that was taken in. No frame is given while units are dropped, so it never lies among them. */
  get position(): Position {
    if (this.#skip === 0) return { token: this.#token, skip: 0 }
    return { token: this.#token, skip: this.#skip, hash: this.#hash }
  }

  get verdict(): Verdict | null {
    return this.#verdict
  }

  /** Whether a chunk proves the end; what it says short of that is remembered. */
  judge(chunk: NewChunk): { ending?: Ending; message?: string } {
    const { verdict, ...end } = judge(this.#rules, chunk, this.#verdict)
    this.#verdict = verdict
    return end
  }

  /** What a frame holds now. */
  frame(chunks: readonly NewChunk[], end: { ending?: Ending; message?: string } = {}): UpstreamFrame {
    const gap = this.#gap
    this.#gap = undefined
    return { chunks, position: this.position, verdict: this.#verdict, ...(gap && { gap }), ...end }
  }

  /** The last frame, on evidence that is no chunk (end of the body, a close marker). */
  lastFrame(ending: Ending, chunks: readonly NewChunk[] = []): UpstreamFrame {
    if (this.#toDrop > 0) {
      this.#toDrop = 0
      this.#gap = 'upstream-changed'
    }
    const { verdict: _, ...end } = conclude(ending, this.#verdict)
    return this.frame(chunks, end)
  }
}
