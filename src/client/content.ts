import { findDialect } from '../dialects/find-dialect.ts'
import { MessageBuilder } from '../dialects/message-builder.ts'
import type { Dialect } from '../protocol/dialect.ts'
import { dataOf, unpackChunks, type PackedChunks } from '../protocol/packed-chunks.ts'
import type { Part, Usage } from '../protocol/state.ts'

/** What chunks of a stream add up to. Loaded when somebody first reads `text`, `parts` or `usage`: readers of chunks never need it. */
export class Content {
  readonly #builder = new MessageBuilder()
  readonly #dialect: Dialect | undefined
  // A character may be split between two chunks.
  readonly #decoder = new TextDecoder()

  /** @param own an application's dialect, which the hub knows by name only */
  constructor(name: string | null, own: Dialect | undefined) {
    this.#dialect = name !== null && name === own?.name ? own : findDialect(name)
  }

  add(pack: PackedChunks): void {
    if (this.#dialect === undefined || this.#dialect === findDialect('text')) {
      // Plain text is the joined data as it is: a replay of a long log does not take it apart chunk by chunk.
      const delta = this.#decode(dataOf(pack))
      if (delta !== '') this.#builder.apply([{ type: 'text', delta }])
      return
    }
    for (const chunk of unpackChunks(pack)) {
      this.#builder.apply(this.#dialect.read({ ...chunk, data: this.#decode(chunk.data) }))
    }
  }

  #decode(data: string | Uint8Array): string {
    return typeof data === 'string' ? data : this.#decoder.decode(data, { stream: true })
  }

  get text(): string {
    return this.#builder.text
  }

  get parts(): readonly Part[] {
    return this.#builder.parts
  }

  get usage(): Usage | undefined {
    return this.#builder.usage
  }
}
