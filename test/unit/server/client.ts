import { createStreamHandler } from '../../../src/server/handler.ts'
import type { StreamHandler, StreamHandlerOptions } from '../../../src/server/handler.ts'
import { MemoryStreamStore } from '../../../src/server/stores/memory.ts'

export const ORIGIN = 'http://127.0.0.1'

type Headers = Record<string, string>

/** A handler on a memory store, and short ways to ask it. */
export class Client {
  readonly store = new MemoryStreamStore()
  readonly handler: StreamHandler

  constructor(options: Omit<StreamHandlerOptions, 'store'> = {}) {
    this.handler = createStreamHandler({ store: this.store, ...options })
  }

  send(
    method: string,
    path: string,
    headers: Headers = {},
    body?: string | Uint8Array<ArrayBuffer>,
  ): Promise<Response> {
    return this.handler.fetch(new Request(ORIGIN + path, { method, headers, ...(body !== undefined && { body }) }))
  }

  get(path: string, headers?: Headers): Promise<Response> {
    return this.send('GET', path, headers)
  }

  create(path: string, contentType = 'text/plain'): Promise<Response> {
    return this.send('PUT', path, { 'content-type': contentType })
  }

  append(path: string, body: string | Uint8Array<ArrayBuffer>, contentType = 'text/plain'): Promise<Response> {
    return this.send('POST', path, { 'content-type': contentType }, body)
  }

  end(path: string, ending?: unknown): Promise<Response> {
    return this.send('POST', path, {
      'stream-closed': 'true',
      ...(ending !== undefined && { 'stream-ending': JSON.stringify(ending) }),
    })
  }

  /** The value of a figure of `/metrics`; `null` where it is not there. */
  async figure(name: string): Promise<number | null> {
    const text = await (await this.get('/metrics')).text()
    const line = text.split('\n').find((each) => each.startsWith(`${name} `))
    return line === undefined ? null : Number(line.slice(name.length))
  }
}

/** The code of a refusal. */
export async function codeOf(response: Response): Promise<string> {
  return ((await response.json()) as { error: { code: string } }).error.code
}
