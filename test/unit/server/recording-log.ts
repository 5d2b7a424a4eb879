import type { ServerLog } from '../../../src/server/log/server-log.ts'

interface LogRecord {
  readonly level: keyof ServerLog
  readonly fields: object
  readonly message: string
}

/** A log to look at. */
export function recordingLog(): { readonly log: ServerLog; readonly records: LogRecord[] } {
  const records: LogRecord[] = []
  const at = (level: keyof ServerLog) => (fields: object, message: string) =>
    void records.push({ level, fields, message })
  return { log: { error: at('error'), info: at('info'), debug: at('debug') }, records }
}
