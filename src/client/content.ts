import { findDialect } from '../dialects/find-dialect.ts'
import { MessageBuilder } from '../dialects/message-builder.ts'
import type { Chunk } from '../protocol/chunk.ts'
import type { Dialect } from '../protocol/dialect.ts'
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

  add(chunk: Chunk): void {
    const data = typeof chunk.data === 'string' ? chunk.data : this.#decoder.decode(chunk.data, { stream: true })
    this.#builder.apply(this.#dialect ? this.#dialect.read({ ...chunk, data }) : [{ type: 'text', delta: data }])
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
