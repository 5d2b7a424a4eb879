/**
 * Where the server says what happens. A logger of pino is one, and so is any object with these three.
 *
 * `error`: somebody should look. `info`: the state of the server changed. `debug`: the rest, such as each request.
 */
export interface ServerLog {
  error(fields: object, message: string): void
  info(fields: object, message: string): void
  debug(fields: object, message: string): void
}

/** Says nothing. */
export const SILENT_LOG: ServerLog = { error() {}, info() {}, debug() {} }

export type LogLevel = 'silent' | 'error' | 'info' | 'debug'
