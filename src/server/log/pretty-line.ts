const RED = '\u001b[31m'
const DIM = '\u001b[2m'
const RESET = '\u001b[0m'

/** A record of the log, as JSON, for a person: `12:30:01 listening url=http://…`. What is no record stays as it is. */
export function prettyLine(json: string, colour: boolean): string {
  let record: Record<string, unknown>
  try {
    record = JSON.parse(json) as Record<string, unknown>
  } catch {
    return json
  }
  const { time, level, msg, err, ...fields } = record
  const paint = (code: string, text: string): string => (colour ? `${code}${text}${RESET}` : text)
  const said = Object.entries(fields).map(([name, value]) => `${name}=${shown(value)}`)
  const head = level === 'error' ? paint(RED, `error: ${String(msg)}`) : String(msg)
  const line = [paint(DIM, String(time).slice(11, 19)), head, ...(said.length > 0 ? [paint(DIM, said.join(' '))] : [])]
  return `${line.join(' ')}\n${traceOf(err)}`
}

function shown(value: unknown): string {
  return typeof value === 'string' && !/[\s"]/.test(value) ? value : JSON.stringify(value)
}

function traceOf(err: unknown): string {
  if (typeof err !== 'object' || err === null) return ''
  const { stack, message } = err as { stack?: unknown; message?: unknown }
  return `${String(stack ?? message).replace(/^/gm, '    ')}\n`
}
