import { HeadwaterError } from '../protocol/errors.ts'
import type { LogDatabase } from './idb-schema.ts'
import { openLogDatabase } from './idb-schema.ts'
import { toStoreError } from './store-error.ts'

/**
 * Whether the connection itself is to blame: closed under us (InvalidStateError, AbortError), or its server process died (UnknownError;
 * WebKit: "Connection to Indexed Database server lost", https://bugs.webkit.org/show_bug.cgi?id=197050).
 */
function isLostConnection(error: unknown): boolean {
  return error instanceof Error && ['InvalidStateError', 'AbortError', 'UnknownError'].includes(error.name)
}

/** A database that is open, and the name of its life. */
type OpenDatabase = Awaited<ReturnType<typeof openLogDatabase>>

/** The one handle of a database, replaced whenever the browser takes it away. */
export class IdbHandle {
  readonly #name: string
  #opening: Promise<OpenDatabase> | null = null
  #closed = false
  /** Called when the browser took the database away. */
  ongone: (() => void) | null = null

  constructor(name: string) {
    this.#name = name
  }

  /** Opens at once, so that a browser without storage is noticed at start. */
  open(): Promise<OpenDatabase> {
    if (this.#closed) return Promise.reject(new HeadwaterError('closed', 'This store was closed.'))
    if (this.#opening === null) {
      const opening = openLogDatabase(this.#name, () => {
        this.#forget(opening)
        if (!this.#closed) this.ongone?.()
      })
      this.#opening = opening
      opening.catch(() => this.#forget(opening))
    }
    return this.#opening
  }

  /**
   * Runs one piece of work; where the connection turns out to be lost, once more on a new one.
   * @param doing completes "Could not …"
   * @throws {HeadwaterError} `store`, `closed`, or what the work itself throws of ours
   */
  async run<T>(doing: string, work: (db: LogDatabase, life: number) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const opening = this.open()
      const { db, life } = await opening
      try {
        return await work(db, life)
      } catch (error) {
        if (error instanceof HeadwaterError || !isLostConnection(error) || attempt > 1) throw toStoreError(error, doing)
        this.#forget(opening)
        db.close()
      }
    }
  }

  close(): void {
    this.#closed = true
    const opening = this.#opening
    this.#opening = null
    void opening?.then(
      ({ db }) => db.close(),
      () => undefined,
    )
  }

  #forget(opening: Promise<OpenDatabase>): void {
    if (this.#opening === opening) this.#opening = null
  }
}
