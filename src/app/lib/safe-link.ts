/** An address that a link may lead to: http or https, from a model's answer or a stream. Anything else is none. */
export function safeLink(url: string | undefined): string | null {
  if (url === undefined) return null
  try {
    const { protocol, href } = new URL(url)
    return protocol === 'https:' || protocol === 'http:' ? href : null
  } catch {
    return null
  }
}
