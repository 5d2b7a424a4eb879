import { HeadwaterError } from '../protocol/errors.ts'
import type { CredentialsRequest } from '../protocol/hub-port.ts'
import type { StreamRow } from '../store/log-store.ts'
import { isCredentialsRefusal } from '../upstream/backoff.ts'
import type { Clock } from './clock.ts'

/** How long tabs may take to give headers: a frozen tab never answers, and the stream goes on waiting in the open, as `waitingFor: 'credentials'`. */
const HEADERS_MS = 5_000
/** Streams whose headers are remembered; of older ones a tab is asked again. */
const MAX_KNOWN = 1_000

/** Headers that are never stored. */
export type SecretHeaders = readonly (readonly [name: string, value: string])[]

/** A tab that may know headers; `null` where it has none. */
interface Giver {
  headers(request: CredentialsRequest): Promise<SecretHeaders | null>
}

/** The headers that must not be stored: in this hub's memory for as long as it lives, else asked of its tabs. */
export class Secrets {
  readonly #clock: Clock
  readonly #givers: ReadonlySet<Giver>
  /** By stream; the oldest first. */
  readonly #known = new Map<string, SecretHeaders>()

  constructor(clock: Clock, givers: ReadonlySet<Giver>) {
    this.#clock = clock
    this.#givers = givers
  }

  get(streamId: string): SecretHeaders | undefined {
    return this.#known.get(streamId)
  }

  keep(streamId: string, headers: SecretHeaders): void {
    this.#known.set(streamId, headers)
    const [oldest] = this.#known.keys()
    if (this.#known.size > MAX_KNOWN && oldest !== undefined) this.#known.delete(oldest)
  }

  forget(streamId: string): void {
    this.#known.delete(streamId)
  }

  clear(): void {
    this.#known.clear()
  }

  /** Headers for a stream's requests; `null` where no tab gives any now. */
  async for(row: StreamRow): Promise<SecretHeaders | null> {
    const known = this.#known.get(row.streamId)
    if (known !== undefined) return known
    const request = {
      url: row.source?.url ?? row.upload?.url ?? '',
      method: row.source?.method ?? (row.upload ? 'POST' : 'GET'),
      channel: row.channel,
      streamId: row.streamId,
    }
    const given = [...this.#givers].map(async (giver) => {
      const headers = await giver.headers(request)
      if (headers === null) throw new HeadwaterError('closed', 'This tab has none.')
      return headers
    })
    const enough = new AbortController()
    const tooLate = this.#clock.delay(HEADERS_MS, enough.signal).then(() => null)
    const headers = await Promise.race([Promise.any(given).catch(() => null), tooLate])
    enough.abort()
    if (headers !== null) this.keep(row.streamId, headers)
    return headers
  }

  /** Of an attempt that is refused because of its headers, these are not used again. Newer ones, that came meanwhile, are kept. */
  async used<T>(streamId: string, headers: SecretHeaders, attempt: Promise<T>): Promise<T> {
    try {
      return await attempt
    } catch (error) {
      if (isCredentialsRefusal(error) && this.#known.get(streamId) === headers) this.#known.delete(streamId)
      throw error
    }
  }

  /** Makes a request with a stream's headers; where they are refused, once more with others. */
  async request<T>(row: StreamRow, make: (headers: SecretHeaders) => Promise<T>): Promise<T> {
    const attempt = (headers: SecretHeaders): Promise<T> => this.used(row.streamId, headers, make(headers))
    if (row.source?.credentials !== true && row.upload?.credentials !== true) return attempt([])
    try {
      return await attempt((await this.for(row)) ?? [])
    } catch (error) {
      const others = isCredentialsRefusal(error) ? await this.for(row) : null
      if (others === null) throw error
      return attempt(others)
    }
  }
}
