import type { FrameHeaders } from '../../protocol/socket.ts'
import { Refusal } from '../answers.ts'

/** What a page's `fetch` may not set either, by the standard, apart from what only says how the message is sent. */
const FORBIDDEN =
  /^(?:cookie2?|host|origin|referer|connection|upgrade|te|trailer|via|date|dnt|expect|keep-alive|(?:content-length|transfer-encoding)|(?:sec|proxy)-.*)$/i
/** What belongs to the upgrade alone. */
const UPGRADE = /^(?:connection|upgrade|content-length|sec-websocket-.*)$/i

/** The request that opened a socket, as far as the requests of its frames stand on it: where it went, and the headers, cookies included. */
export class Handshake {
  readonly #origin: string
  readonly #headers: readonly (readonly [string, string])[]

  constructor(request: Request) {
    this.#origin = new URL(request.url).origin
    this.#headers = [...request.headers].filter(([name]) => !UPGRADE.test(name))
  }

  /**
   * The request over HTTP that a frame stands for.
   * @throws {Refusal} 400 for a header that a page may not set, or that is none
   */
  request(method: 'GET' | 'POST', path: string, headers: FrameHeaders = {}): Request {
    const all = new Headers(this.#headers.map(([name, value]): [string, string] => [name, value]))
    for (const [name, value] of Object.entries(headers)) {
      if (FORBIDDEN.test(name)) throw new Refusal(400, 'bad-header', `A frame may not carry the header ${name}.`)
      try {
        all.set(name, value)
      } catch {
        throw new Refusal(400, 'bad-header', 'A header of the frame is none that HTTP could carry.')
      }
    }
    return new Request(this.#origin + path, { method, headers: all })
  }
}
