import type { FrameHeaders } from '../../protocol/socket.ts'
import type { Action, ServerContext } from '../server-context.ts'
import { streamPath } from '../stream-path.ts'
import type { StreamName } from '../stream-store.ts'
import type { Handshake } from './handshake.ts'

/** Whoever sent a frame, as `authorize` knows them: by the request over HTTP that the frame stands for. */
export class Visitor {
  readonly #context: ServerContext
  readonly #handshake: Handshake
  readonly #headers: FrameHeaders | undefined

  constructor(context: ServerContext, handshake: Handshake, headers: FrameHeaders | undefined) {
    this.#context = context
    this.#handshake = handshake
    this.#headers = headers
  }

  /** @throws {Refusal} 403 */
  async mayReadStream(name: StreamName): Promise<void> {
    const request = this.#handshake.request('GET', streamPath(name), this.#headers)
    await this.#context.authorize(request, 'read', name)
  }

  /** @throws {Refusal} 403 */
  async mayDoInChannel(action: Action, channel: string): Promise<void> {
    const segment = encodeURIComponent(channel)
    const path =
      action === 'append' ? `/v1/stream/${segment}` : `/v1/channels/${segment}${action === 'cancel' ? '/cancel' : ''}`
    const request = this.#handshake.request(action === 'read' ? 'GET' : 'POST', path, this.#headers)
    await this.#context.authorize(request, action, segment)
  }
}
