import type { ServerConfig } from '../config.ts'

const HIDDEN = '…'

/** Secrets of this server as no line of a log may hold them. */
export function secretsOf(config: ServerConfig): string[] {
  const { openaiApiKey, anthropicApiKey } = config.models
  const passwords = typeof config.store === 'object' ? passwordOf(config.store.redis) : []
  return [config.token, openaiApiKey, anthropicApiKey, ...passwords].filter((secret) => secret !== null)
}

// As it stands in the address, and as it is meant: a message may quote either.
function passwordOf(address: string): string[] {
  const { password } = new URL(address)
  return password === '' ? [] : [password, decodeURIComponent(password)]
}

/** A text without secrets: a last door, for what errors of other libraries quote. */
export function redact(text: string, secrets: readonly string[]): string {
  let shown = text
  for (const secret of secrets) {
    // Also as JSON has it, with its quotes and backslashes escaped.
    for (const form of [secret, JSON.stringify(secret).slice(1, -1)]) {
      if (form !== '') shown = shown.replaceAll(form, HIDDEN)
    }
  }
  return shown
}

/** An address as a log may show it. Of a query only what says nothing about who asks. */
export function shownTarget(url: URL): string {
  const shown = [...url.searchParams].map(([name, value]) => `${name}=${HARMLESS.has(name) ? value : HIDDEN}`)
  return url.pathname + (shown.length === 0 ? '' : `?${shown.join('&')}`)
}

const HARMLESS = new Set(['offset', 'live', 'cursor', 'run'])
