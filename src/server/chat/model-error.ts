import { APICallError, RetryError } from 'ai'

const MAX_LENGTH = 500
// What keys of the usual providers look like, and credentials in a URL or a header.
const SECRETS = [/\b(sk|pk|key|xai|gsk|AIza)[-_][\w*.-]{6,}/gi, /\bBearer\s+\S+/gi, /\/\/[^@/\s]+@/g]

/**
 * What went wrong with a model, for the person who asked it: one line, without keys or stack.
 * @param secrets what the line must not hold, whatever it looks like
 */
export function describeModelError(error: unknown, secrets: readonly string[] = []): string {
  const cause = RetryError.isInstance(error) ? error.lastError : error
  const said = APICallError.isInstance(cause) ? describeCall(cause) : messageOf(cause)
  return clean(secrets.reduce((text, secret) => (secret === '' ? text : text.replaceAll(secret, '…')), said))
}

function describeCall(error: APICallError): string {
  const said = error.message === '' ? 'no reason given' : error.message
  switch (error.statusCode) {
    case 401:
    case 403:
      return `The model's provider refused the key (${error.statusCode}): ${said}`
    case 404:
      return `The provider does not know this model (404): ${said}`
    case 429:
      return `The provider asks to slow down (429): ${said}`
    case undefined:
      return `The model's provider cannot be reached: ${said}`
    default:
      return `The model's provider answered ${error.statusCode}: ${said}`
  }
}

function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : typeof error === 'string' ? error : ''
  return message === '' ? 'The model failed without saying why.' : message
}

function clean(message: string): string {
  const line = SECRETS.reduce((text, secret) => text.replace(secret, '…'), message.replace(/\s+/g, ' ')).trim()
  return line.length > MAX_LENGTH ? `${line.slice(0, MAX_LENGTH)}…` : line
}
