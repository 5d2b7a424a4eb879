import type { Ending } from '../protocol/chunk.ts'
import { decodeEnding, encodeEnding, HEADER } from '../protocol/http.ts'
import { CliError } from './cli-error.ts'
import type { Persistence } from './persist.ts'
import type { ServerAccess } from './server-access.ts'

const CONTENT_TYPE = 'application/octet-stream'
// Large enough that a fast command is not slowed by round trips, small enough for any server's limit and for a quick retry.
const MAX_APPEND_BYTES = 1024 * 1024
// What a command may be ahead of the server, as memory of this process.
const HIGH_WATER_BYTES = 8 * 1024 * 1024
const LOW_WATER_BYTES = HIGH_WATER_BYTES / 2

/** The stream is not ours to write any longer. */
export class ClosedElsewhere extends Error {
  readonly ending: Ending

  constructor(ending: Ending) {
    super('The stream was closed.')
    this.ending = ending
  }
}

/**
 * Writes a stream exactly once, over a network that fails and a server that restarts: every append carries producer, epoch and seq, one is
 * in flight, and it is repeated as it was until the server has acknowledged it. What arrives meanwhile goes in the next.
 */
export class StreamWriter {
  readonly #access: ServerAccess
  readonly #path: string
  readonly #producerId: string
  readonly #persistence: Persistence
  readonly #signal: AbortSignal
  /** Seconds; 0 where the server waits for ever. */
  #lease: number
  /** When the server last heard of this writer, by a clock that nobody sets. */
  #heard = 0
  #queue: Uint8Array[] = []
  #queuedBytes = 0
  // Sent, not acknowledged.
  #inFlight = 0
  #seq = 0
  #sending: Promise<void> | null = null
  #drained: (() => void)[] = []
  #error: Error | null = null
  #fail: (error: unknown) => void = () => undefined
  /** Rejects when the stream cannot be written any longer: {@link ClosedElsewhere}, a refusal, or the signal. Never resolves. */
  readonly failure = new Promise<never>((_, reject) => {
    this.#fail = reject
  })

  /**
   * @param options.signal gives up: what is not acknowledged is lost
   * @param options.lease for how many seconds the server waits for this writer to be heard again; 0 for ever
   */
  constructor(
    access: ServerAccess,
    path: string,
    options: { producerId: string; persistence: Persistence; signal: AbortSignal; lease: number },
  ) {
    this.#access = access
    this.#path = path
    this.#producerId = options.producerId
    this.#persistence = options.persistence
    this.#signal = options.signal
    this.#lease = options.lease
    // Whoever waits for it elsewhere is told; that nobody does is no crash.
    this.failure.catch(() => undefined)
  }

  /** Bytes that the server has not acknowledged. */
  get unacknowledged(): number {
    return this.#queuedBytes + this.#inFlight
  }

  /** Creates the stream; a repetition finds its own. */
  async create(): Promise<void> {
    await this.#persistence.run(async () => {
      const headers = {
        'content-type': CONTENT_TYPE,
        ...(this.#lease > 0 && { [HEADER.lease]: String(this.#lease) }),
      }
      const response = await this.#access.send(this.#path, { method: 'PUT', headers })
      if (!response.ok) throw await this.#access.refused(response)
      // Another server of the protocol, or an older one of ours, knows no leases.
      if (response.headers.get(HEADER.lease) === null) this.#lease = 0
      await response.body?.cancel()
    }, this.#signal)
    this.#heard = performance.now()
  }

  /** Takes bytes. False where the writer should pause until {@link drained}. */
  write(bytes: Uint8Array): boolean {
    this.#queue.push(bytes)
    this.#queuedBytes += bytes.length
    this.#kick()
    return this.unacknowledged < HIGH_WATER_BYTES
  }

  /** Resolves once there is room again. */
  async drained(): Promise<void> {
    if (this.unacknowledged < LOW_WATER_BYTES) return
    await new Promise<void>((resolve) => this.#drained.push(resolve))
  }

  /** Sends what is left, then closes the stream. */
  async finish(ending: Ending): Promise<void> {
    while (this.#sending !== null) await this.#sending
    if (this.#error !== null) throw this.#error
    const headers = { [HEADER.closed]: 'true', [HEADER.ending]: encodeEnding(ending) }
    await this.#append(null, headers)
  }

  /** How the stream ended, if it did; `null` while it is open or nobody answers. A stream that is gone throws. Renews the lease where that is due. */
  async probe(): Promise<Ending | null> {
    let response: Response
    try {
      response = await this.#ask()
    } catch {
      // The next append tells it better, and waits.
      return null
    }
    if (response.status === 404 || response.status === 410) throw this.#gone()
    return response.headers.get(HEADER.closed) === 'true' ? decodeEnding(response.headers.get(HEADER.ending)) : null
  }

  /** Two renewals may fail before the lease runs out. */
  async #ask(): Promise<Response> {
    const asked = performance.now()
    if (this.#lease === 0 || asked - this.#heard < (this.#lease * 1000) / 3) {
      return this.#access.send(this.#path, { method: 'HEAD' })
    }
    const headers = { [HEADER.lease]: String(this.#lease) }
    const response = await this.#access.send(this.#path, { method: 'POST', headers })
    if (response.ok) this.#heard = asked
    return response
  }

  #kick(): void {
    if (this.#error !== null) return
    this.#sending ??= this.#send().finally(() => {
      this.#sending = null
    })
  }

  async #send(): Promise<void> {
    try {
      while (this.#queue.length > 0) {
        const batch = this.#takeBatch()
        this.#inFlight = batch.length
        await this.#append(batch, {})
        this.#inFlight = 0
        if (this.unacknowledged < LOW_WATER_BYTES) for (const resume of this.#drained.splice(0)) resume()
      }
    } catch (error) {
      this.#error = error as Error
      this.#fail(error)
    }
  }

  #takeBatch(): Uint8Array {
    const pieces: Uint8Array[] = []
    let size = 0
    while (this.#queue[0] !== undefined && (size === 0 || size + this.#queue[0].length <= MAX_APPEND_BYTES)) {
      const piece = this.#queue.shift()
      if (piece === undefined) break
      pieces.push(piece)
      size += piece.length
    }
    this.#queuedBytes -= size
    return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces)
  }

  async #append(body: Uint8Array | null, extra: Record<string, string>): Promise<void> {
    const headers = {
      ...(body !== null && { 'content-type': CONTENT_TYPE }),
      [HEADER.producerId]: this.#producerId,
      [HEADER.producerEpoch]: '0',
      [HEADER.producerSeq]: String(this.#seq),
      ...extra,
    }
    await this.#persistence.run(async () => {
      const asked = performance.now()
      const response = await this.#access.send(this.#path, { method: 'POST', headers, body })
      if (response.ok) {
        this.#heard = asked
        return void (await response.body?.cancel())
      }
      if (response.status === 404 || response.status === 410) throw this.#gone()
      if (response.headers.get(HEADER.closed) === 'true') {
        throw new ClosedElsewhere(decodeEnding(response.headers.get(HEADER.ending)))
      }
      throw await this.#access.refused(response)
    }, this.#signal)
    this.#seq++
  }

  #gone(): CliError {
    return new CliError(
      'The server no longer has this run: it was deleted, or the server keeps streams in memory only and was restarted. What follows is not recorded.',
    )
  }
}
