/**
 * Headers of every answer: what a browser must not guess, embed, share or run. A stream has the content type that its producer chose; opened by
 * its address it would, as HTML, be a page of this origin.
 */
export const SECURITY_HEADERS = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
} as const

/** A refusal as PROTOCOL.md 4.4 has it: a code for programs, and a message that says what to do. */
export function refuse(
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const response = Response.json(
    { error: { code, message } },
    { status, headers: { 'cache-control': 'no-store', ...SECURITY_HEADERS, ...headers } },
  )
  CODES.set(response, code)
  return response
}

const CODES = new WeakMap<object, string>()

/** The code of an answer that is a refusal, for figures and logs; `undefined` where it is none. */
export function refusalCode(answer: object): string | undefined {
  return CODES.get(answer)
}

/** JSON that is true now and not later. */
export function answerJson(value: unknown, status = 200): Response {
  return Response.json(value, { status, headers: { 'cache-control': 'no-store', ...SECURITY_HEADERS } })
}

/** What a server says that is about to stop. Another process of it, or the next one, answers a moment later. */
export function closing(): Refusal {
  return new Refusal(503, 'closing', 'The server is closing. Try again soon.', { 'retry-after': '1' })
}

/** A refusal on its way up: whoever handles the request answers with {@link Refusal.toResponse}. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly status: number
  readonly code: string
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.code = code
    this.headers = headers
  }

  toResponse(): Response {
    return refuse(this.status, this.code, this.message, this.headers)
  }
}
