import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { MAX_UNIT_LENGTH, tooLarge } from './limits.ts'
import type { HeadwaterError } from '../protocol/errors.ts'

/** Bytes in, events out. A CRLF or a character may be split between two reads; an unterminated last event is none. */
export class SseParser {
  #events: EventSourceMessage[] = []
  #decoder = new TextDecoder()
  #failure: HeadwaterError | null = null
  #parser = createParser({
    maxBufferSize: MAX_UNIT_LENGTH,
    onEvent: (event) => this.#events.push(event),
    onError: (error) => {
      if (error.type === 'max-buffer-size-exceeded') this.#failure = tooLarge('event')
    },
  })

  /** The events that these bytes completed. */
  feed(bytes: Uint8Array): EventSourceMessage[] {
    this.#parser.feed(this.#decoder.decode(bytes, { stream: true }))
    return this.#events.splice(0)
  }

  /** What makes going on impossible; the events before it are good. */
  get failure(): HeadwaterError | null {
    return this.#failure
  }
}
