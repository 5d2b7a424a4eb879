/**
 * What can go wrong, as a program tells it apart.
 *
 * - `bad-name`, `bad-source`, `bad-message`, `bad-meta`, `bad-id`: input refused at the door; nothing was changed.
 * - `unknown-stream`: no stream of that id in this browser.
 * - `live-id`: a stream of that id exists and is live.
 * - `incompatible`: tab and hub speak different versions of the protocol; both are named in `data`.
 * - `reload-needed`: a script of this release did not come: it is gone, as a rule.
 * - `worker-failed`: the hub could not be started, or does not answer.
 * - `hub-lost`: the hub died during the call, and the call cannot be repeated.
 * - `closed`: this page has closed its hub or reader.
 * - `aborted`: the caller's signal.
 * - `cancelled`: the stream was cancelled; `data` is what was said with it, if anything.
 * - `gap`: chunks are missing; `data` is the gap.
 * - `not-resumable`: upstream cannot be continued; `retry()` starts anew.
 * - `network`: no answer from the network.
 * - `http`: the server refused; `data.status` says how.
 * - `bad-response`: the answer is not of the format expected.
 * - `too-large`: an event, a body or a stream above its limit.
 * - `upstream-error`: the upstream said in its own format that it failed.
 * - `producer-lost`: who produced the stream is gone.
 * - `store`: the browser's storage refused, or that of the server.
 * - `busy`: there are as many streams as are allowed, or as many of them live; wait until one has ended, or delete some.
 */
export type ErrorCode =
  | 'bad-name'
  | 'bad-source'
  | 'bad-message'
  | 'bad-meta'
  | 'bad-id'
  | 'unknown-stream'
  | 'live-id'
  | 'incompatible'
  | 'reload-needed'
  | 'worker-failed'
  | 'hub-lost'
  | 'closed'
  | 'aborted'
  | 'cancelled'
  | 'gap'
  | 'not-resumable'
  | 'network'
  | 'http'
  | 'bad-response'
  | 'too-large'
  | 'upstream-error'
  | 'producer-lost'
  | 'store'
  | 'busy'

/** An error as it crosses threads and is stored: Comlink keeps name, message and stack only, so code and data travel as values. */
export interface ErrorValue {
  code: ErrorCode
  message: string
  data?: unknown
}

/** The one error class: a code, the offending data, and a message that says what happened and what to do. */
export class HeadwaterError extends Error {
  override readonly name = 'HeadwaterError'
  readonly code: ErrorCode
  readonly data: unknown

  constructor(code: ErrorCode, message: string, data?: unknown, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.data = data
  }

  /** Rebuilds an error at the far edge of a thread. */
  static from(value: ErrorValue): HeadwaterError {
    return new HeadwaterError(value.code, value.message, value.data)
  }
}

/** Any thrown thing as an {@link ErrorValue}; what is not ours takes `code`. */
export function toErrorValue(thrown: unknown, code: ErrorCode): ErrorValue {
  if (thrown instanceof HeadwaterError) {
    const { code, message, data } = thrown
    return { code, message, ...(data !== undefined && { data }) }
  }
  return { code, message: thrown instanceof Error ? thrown.message : String(thrown) }
}
