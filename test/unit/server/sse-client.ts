import { EventSourceParserStream } from 'eventsource-parser/stream'
import type { EventSourceMessage } from 'eventsource-parser'

/** Reads a response of Server-Sent Events, event by event. */
export class SseClient {
  readonly response: Response
  readonly #reader: ReadableStreamDefaultReader<EventSourceMessage>

  constructor(response: Response) {
    if (response.body === null) throw new Error(`no body, status ${response.status}`)
    this.response = response
    this.#reader = response.body
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream())
      .getReader()
  }

  /** The next event; `null` after the last. */
  async next(): Promise<EventSourceMessage | null> {
    const { done, value } = await this.#reader.read()
    return done ? null : value
  }

  /** Everything up to the first event that satisfies `last`, or to the end. */
  async until(last: (event: EventSourceMessage) => boolean): Promise<EventSourceMessage[]> {
    const events: EventSourceMessage[] = []
    for (let event = await this.next(); event !== null; event = await this.next()) {
      events.push(event)
      if (last(event)) break
    }
    return events
  }

  rest(): Promise<EventSourceMessage[]> {
    return this.until(() => false)
  }

  async close(): Promise<void> {
    await this.#reader.cancel()
  }
}
