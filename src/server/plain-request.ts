/** What the rules look at in the head of a request. Every `Headers` is one. */
export type PlainHeaders = Pick<Headers, 'get' | 'has'>

/** What the rules look at in a request. Every `Request` is one; {@link WholeRequest} is made of what Node has already. */
export interface PlainRequest extends Pick<Request, 'method' | 'url' | 'body' | 'signal' | 'arrayBuffer'> {
  readonly headers: PlainHeaders
}

/** Headers as Node has them: names in lower case. */
type NodeHeaders = Readonly<Record<string, string | readonly string[] | undefined>>

/** The standard object, for who wants all of it: an application, the router. */
export function toRequest(request: PlainRequest): Request {
  return request instanceof WholeRequest ? request.toRequest() : (request as Request)
}

/** Where a request goes, parsed. */
export function addressOf(request: PlainRequest): URL {
  return request instanceof WholeRequest ? request.address : new URL(request.url)
}

/** What a client has sent whole by the time that it has an answer is not aborted any more. */
const NEVER = new AbortController().signal

/** A request that has arrived to its last byte. */
export class WholeRequest implements PlainRequest {
  readonly method: string
  /** Not to be changed: all who ask get the same. */
  readonly address: URL
  readonly headers: WholeHeaders
  readonly body = null
  readonly signal: AbortSignal = NEVER
  readonly #body: Uint8Array<ArrayBuffer>

  /** @param body is copied: what a socket reads is a small part of a large buffer, which a log would keep */
  constructor(method: string, address: URL, headers: NodeHeaders, body: Uint8Array) {
    this.method = method
    this.address = address
    this.headers = new WholeHeaders(headers)
    this.#body = new Uint8Array(body)
  }

  get url(): string {
    return this.address.href
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return Promise.resolve(this.#body.buffer)
  }

  toRequest(): Request {
    return new Request(this.url, { method: this.method, headers: this.headers.all(), body: this.#body })
  }
}

class WholeHeaders implements PlainHeaders {
  readonly #headers: NodeHeaders

  constructor(headers: NodeHeaders) {
    this.#headers = headers
  }

  get(name: string): string | null {
    const value = this.#headers[name.toLowerCase()]
    return value === undefined ? null : String(value)
  }

  has(name: string): boolean {
    return this.get(name) !== null
  }

  all(): Headers {
    return new Headers(Object.entries(this.#headers).map(([name, value]): [string, string] => [name, String(value)]))
  }
}
