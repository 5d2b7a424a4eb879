import { pino } from 'pino'
import { prettyLine } from './pretty-line.ts'
import { redact } from './redact.ts'
import type { LogLevel, ServerLog } from './server-log.ts'

export interface LogOptions {
  readonly level: LogLevel
  /** `pretty`: for a person, one short line each. `json`: for a program, an object per line. */
  readonly format: 'json' | 'pretty'
  readonly colour: boolean
  /** Never written, wherever they turn up. */
  readonly secrets: readonly string[]
  readonly write: (text: string) => void
}

/** A logger that keeps secrets to itself. */
export function createLog(options: LogOptions): ServerLog {
  const { level, format, colour, secrets } = options
  const lines = {
    write(json: string): void {
      const line = redact(json, secrets)
      options.write(format === 'json' ? line : prettyLine(line, colour))
    },
  }
  const settings = {
    level,
    // The machine's name and the process are what a collector of logs adds by itself.
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: pino.stdSerializers.err },
    // By name, should one ever be put in a record.
    redact: { paths: ['authorization', 'cookie', 'token', '*.authorization', '*.cookie', '*.token'], censor: '…' },
  }
  return pino(settings, lines)
}
