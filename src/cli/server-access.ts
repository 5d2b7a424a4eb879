import { HeadwaterError } from '../protocol/errors.ts'
import type { ChannelInfo, ChannelList, RunInfo } from '../protocol/http.ts'
import { checkChannelName } from '../protocol/names.ts'
import { httpError, networkError } from '../upstream/failures.ts'
import { CliError } from './cli-error.ts'

const DEFAULT_URL = 'http://127.0.0.1:4437'
// A server that accepts and then says nothing is as good as none; no answer of the ones asked here takes longer.
const ANSWER_MS = 30_000

/** Where the server is, and with which token it is asked. */
export class ServerAccess {
  /** Without a slash at the end. */
  readonly url: string
  readonly headers: readonly (readonly [string, string])[]

  constructor(url: string, token: string | undefined) {
    this.url = url.replace(/\/+$/, '')
    this.headers = token === undefined || token === '' ? [] : [['authorization', `Bearer ${token}`]]
  }

  /**
   * Out of flags and environment.
   * @throws {CliError} for an address that is none
   */
  static read(args: { url?: string | undefined; token?: string | undefined }): ServerAccess {
    const url = args.url ?? (process.env['HEADWATER_URL'] || DEFAULT_URL)
    if (!/^https?:$/.test(protocolOf(url))) {
      throw new CliError(
        `"${url}" is no address of a server. Give one like ${DEFAULT_URL} in --url or HEADWATER_URL.`,
        2,
      )
    }
    return new ServerAccess(url, args.token ?? process.env['HEADWATER_TOKEN'])
  }

  /** Asks the server, any status; throws `network` where there is no answer. Bodies of answers are read by the caller. */
  async send(path: string, init: { method?: string; headers?: Record<string, string>; body?: Uint8Array | null } = {}) {
    const url = this.url + path
    const signal = AbortSignal.timeout(ANSWER_MS)
    try {
      const headers = { ...Object.fromEntries(this.headers), ...init.headers }
      return await fetch(url, { ...init, body: init.body as Uint8Array<ArrayBuffer> | null, headers, signal })
    } catch (thrown) {
      // Our own time-out is a network's failure too.
      throw networkError(thrown, url, new AbortController().signal)
    }
  }

  /** A refusal as the error that it is. */
  refused(response: Response): Promise<HeadwaterError> {
    return httpError(response, response.url || this.url, Date.now())
  }

  /** JSON of an address; `null` where the server knows no such thing (404). */
  async getJson(path: string): Promise<unknown> {
    const response = await this.send(path)
    if (response.status === 404) {
      await response.body?.cancel()
      return null
    }
    if (!response.ok) throw await this.refused(response)
    try {
      return await response.json()
    } catch (thrown) {
      throw networkError(thrown, this.url + path, new AbortController().signal)
    }
  }

  /** All channels, newest first, page by page. */
  async channels(): Promise<readonly ChannelInfo[]> {
    const first = await this.#channelPage()
    const pages = [first]
    for (let { next } = first; next !== undefined;) {
      const page = await this.#channelPage(next)
      pages.push(page)
      next = page.next
    }
    // A channel that got a run meanwhile went to the front, and would be missing.
    if (pages.length > 1) pages.unshift(await this.#channelPage())
    const byName = new Map<string, ChannelInfo>()
    for (const channel of pages.flatMap(({ channels }) => channels)) {
      if (!byName.has(channel.channel)) byName.set(channel.channel, channel)
    }
    return [...byName.values()]
  }

  async #channelPage(before?: string): Promise<ChannelList> {
    const query = before === undefined ? '' : `?before=${encodeURIComponent(before)}`
    const answer = (await this.getJson(`/v1/channels${query}`)) as Partial<ChannelList> | null
    return answer?.channels === undefined ? this.#notHeadwater() : { ...answer, channels: answer.channels }
  }

  /** The newest run of a channel; `null` where there is no such channel. */
  async newestRun(channel: string): Promise<RunInfo | null> {
    const answer = (await this.getJson(`${channelPath(channel)}?limit=1`)) as { runs?: RunInfo[] } | null
    if (answer === null) return null
    return answer.runs === undefined ? this.#notHeadwater() : (answer.runs[0] ?? null)
  }

  #notHeadwater(): never {
    throw new HeadwaterError('bad-response', `What answers at ${this.url} is no Headwater server. Check --url.`)
  }
}

function protocolOf(url: string): string {
  try {
    return new URL(url).protocol
  } catch {
    return ''
  }
}

/** Path of a channel in the listing. @throws {HeadwaterError} `bad-name` */
export function channelPath(channel: string): string {
  return `/v1/channels/${encodeURIComponent(checkChannelName(channel))}`
}

/** Path of a run's stream. @throws {HeadwaterError} `bad-name` */
export function runPath(channel: string, run: string): string {
  return `/v1/stream/${encodeURIComponent(checkChannelName(channel))}/${encodeURIComponent(run)}`
}
