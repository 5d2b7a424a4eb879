import type { Channel, Gap } from 'headwater'
import type { ReactiveController, ReactiveControllerHost } from 'lit'
import { errorText } from '../lib/error-text.ts'
import { LineBuffer } from '../lib/line-buffer.ts'
import { onFrame } from '../lib/on-frame.ts'

const GAP_REASONS: Readonly<Record<Gap['reason'], string>> = {
  retention: 'they were deleted to save space',
  damaged: 'their stored record cannot be read',
  'upstream-changed': 'the source no longer says what it said',
}

function gapText({ fromSeq, toSeq, reason }: Gap): string {
  const count = toSeq - fromSeq + 1
  return `${count === 1 ? 'One chunk is' : `${count} chunks are`} missing here: ${GAP_REASONS[reason]}.`
}

/** The lines of one stream, read through a cursor of their own. */
export class LogController implements ReactiveController {
  readonly #update: () => void
  #reading: AbortController | null = null
  #key: string | null = null
  #lines = new LineBuffer()
  #seq = 0
  #error: string | null = null

  constructor(host: ReactiveControllerHost) {
    this.#update = onFrame(() => host.requestUpdate())
    host.addController(this)
  }

  get lines(): LineBuffer {
    return this.#lines
  }

  /** The last seq that was read. */
  get seq(): number {
    return this.#seq
  }

  /** Why reading ended before its time, for people. */
  get error(): string | null {
    return this.#error
  }

  /**
   * Reads this stream from its start; what was read of another one is dropped.
   * @param linePerChunk - true where a chunk is a message, not a piece of text
   */
  follow(channel: Channel | null, streamId: string | null, linePerChunk: boolean): void {
    const key = streamId && `${linePerChunk ? 'messages' : 'text'} ${streamId}`
    if (key === this.#key) return
    this.#reading?.abort()
    this.#key = key
    this.#lines = new LineBuffer()
    this.#seq = 0
    this.#error = null
    this.#update()
    if (!channel || streamId === null) return
    this.#reading = new AbortController()
    void this.#read(channel, streamId, linePerChunk, this.#lines, this.#reading.signal)
  }

  hostDisconnected(): void {
    this.follow(null, null, false)
  }

  async #read(channel: Channel, streamId: string, linePerChunk: boolean, lines: LineBuffer, signal: AbortSignal) {
    const onGap = (gap: Gap): void => {
      lines.note(gapText(gap))
      this.#seq = gap.toSeq
      this.#update()
    }
    try {
      for await (const chunk of channel.read({ streamId, from: 'start', signal, onGap })) {
        // Another stream may have been chosen while this chunk was on its way.
        if (signal.aborted) return
        lines.append(chunk.data)
        this.#seq = chunk.seq
        if (linePerChunk) lines.append('\n')
        this.#update()
      }
      lines.end()
    } catch (thrown) {
      if (signal.aborted) return
      this.#error = errorText(thrown)
    }
    if (!signal.aborted) this.#update()
  }
}
