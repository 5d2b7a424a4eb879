import type { ModelInfo } from './models.ts'
import type { ServerConfig } from './config.ts'

/** What `serve` needs. */
export interface ServeOptions {
  config: ServerConfig
  /** Folder of the built app; without it only the API is served. */
  appFolder?: string
  /** What happens, one line each, without secrets. Default: nowhere. */
  log?: (line: string) => void
}

/** A server that listens. */
export interface RunningServer {
  /** Address for a browser, without a trailing slash. */
  readonly url: string
  /** Address that logs a browser in: with the token where one is needed, else `url`. */
  readonly loginUrl: string
  /** Folder of the embedded store; `null` where streams are kept in memory only. */
  readonly dataFolder: string | null
  /** Models on offer; the first is the default. */
  readonly models: readonly ModelInfo[]
  /** Ends live readers, aborts model runs, releases the store. Safe to call twice. */
  close(): Promise<void>
}

/**
 * Starts the server.
 * @throws {StartError} `port-taken`, `address-refused`, `data-folder`
 */
export function serve(options: ServeOptions): Promise<RunningServer> {
  return Promise.reject(new Error(`Not there yet: ${options.config.host}`))
}
