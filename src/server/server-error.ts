/**
 * Why the server could not start.
 *
 * - `port-taken`, `address-refused`: the address cannot be listened on.
 * - `data-folder`: the folder of the embedded store cannot be written, or another server holds it.
 * - `bad-config`: a flag or an environment variable has a value that cannot be meant; `data` is its name.
 */
export type StartErrorCode = 'port-taken' | 'address-refused' | 'data-folder' | 'bad-config'

/** A refusal to start, with a message for the person at the terminal that says what to do. */
export class StartError extends Error {
  override readonly name = 'StartError'
  readonly code: StartErrorCode
  readonly data: unknown

  constructor(code: StartErrorCode, message: string, data?: unknown, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.data = data
  }
}
