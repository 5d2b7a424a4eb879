/** What somebody said as a reason, as a text that fits into a message: of an error its message, of anything but text nothing. */
export function reasonText(reason: unknown): string | undefined {
  const text = reason instanceof Error ? reason.message : reason
  return typeof text === 'string' && text !== '' ? text.slice(0, 1_000) : undefined
}
