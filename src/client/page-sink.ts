import type { StartStream } from '../protocol/hub-port.ts'
import type { Sink, StartOptions } from './api.ts'
import type { Connection } from './connection.ts'
import { loadPart } from './load-part.ts'
import type { Producer } from './producer.ts'

/** A sink as applications hold it, at once: what writes is loaded with the first one, and everything waits for it in order. */
export class PageSink implements Sink {
  readonly id: string
  readonly #abort = new AbortController()
  readonly #producer: Promise<Producer>
  #writable: WritableStream<string | Uint8Array> | null = null

  /** @param start creates the stream's row, for the producer of the name given */
  constructor(
    connection: Connection,
    stream: Pick<StartStream, 'streamId' | 'channel'>,
    start: (producer: string) => Promise<unknown>,
    to?: StartOptions['to'],
  ) {
    this.id = stream.streamId
    this.#producer = loadPart(() => import('./producer.ts')).then(
      ({ Producer: ProducerOf }) => new ProducerOf(connection, stream, start, this.#abort, to),
    )
    this.#producer.catch((error: unknown) => this.#abort.abort(error))
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  get writable(): WritableStream<string | Uint8Array> {
    const { signal } = this
    return (this.#writable ??= new WritableStream<string | Uint8Array>(
      {
        start: (controller) => {
          const fail = (): void => controller.error(signal.reason)
          if (signal.aborted) fail()
          signal.addEventListener('abort', fail)
        },
        write: (data) => this.#tell((producer) => producer.pour(data)),
        close: () => this.close(),
        abort: (reason) => this.error(reason).catch(() => undefined),
      },
      { highWaterMark: 64 * 1024, size: (data) => Number(data?.length) || 1 },
    ))
  }

  /** Resolves once the stream is stored. */
  get started(): Promise<void> {
    return this.#tell((producer) => producer.started)
  }

  get uploaded(): Promise<void> {
    return this.#tell((producer) => producer.uploaded)
  }

  write(data: string | Uint8Array, options?: { event?: string }): Promise<void> {
    return this.#tell((producer) => producer.write(data, options))
  }

  error(reason?: unknown): Promise<void> {
    return this.#tell((producer) => producer.error(reason))
  }

  close(): Promise<void> {
    return this.#tell((producer) => producer.close())
  }

  #tell(act: (producer: Producer) => Promise<void>): Promise<void> {
    const done = this.#producer.then(act)
    // Whoever does not wait for it has the signal.
    done.catch(() => undefined)
    return done
  }
}
