import type { ReactiveController, ReactiveControllerHost } from 'lit'
import { fetchModels } from '../lib/server-api.ts'
import type { ModelList } from '../lib/server-api.ts'

const KEY = 'headwater:model'

function readChoice(): string | null {
  try {
    return localStorage.getItem(KEY)
  } catch {
    return null
  }
}

/** The models on offer and the person's choice. Asked for once, and again when the server comes back. */
export class ModelsController implements ReactiveController {
  readonly #host: ReactiveControllerHost
  #asking: AbortController | null = null
  #list: ModelList | null = null
  #choice = readChoice()

  constructor(host: ReactiveControllerHost) {
    this.#host = host
    host.addController(this)
  }

  /** `null` until the server has told. */
  get list(): ModelList | null {
    return this.#list
  }

  /** The model to use: the choice where it is still on offer, else the server's default, `null` where there is none. */
  get chosen(): string | null {
    if (!this.#list) return null
    return this.#list.models.find(({ id }) => id === this.#choice)?.id ?? this.#list.defaultId
  }

  choose(id: string): void {
    this.#choice = id
    try {
      localStorage.setItem(KEY, id)
    } catch {
      // Storage is closed to us: the choice holds for this page.
    }
    this.#host.requestUpdate()
  }

  hostConnected(): void {
    void this.refresh()
  }

  hostDisconnected(): void {
    this.#asking?.abort()
  }

  async refresh(): Promise<void> {
    this.#asking?.abort()
    const asking = new AbortController()
    this.#asking = asking
    try {
      this.#list = await fetchModels(asking.signal)
      this.#host.requestUpdate()
    } catch {
      // No answer: what is known stays, and the shell asks again when the server is back.
    }
  }
}
