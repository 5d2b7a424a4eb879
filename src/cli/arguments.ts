import type { ArgsDef } from 'citty'
import { CliError } from './cli-error.ts'

/** How the commands find the server. */
export const SERVER_ARGS = {
  url: {
    type: 'string',
    description: 'Address of the server (HEADWATER_URL; default http://127.0.0.1:4437)',
    valueHint: 'url',
  },
  token: {
    type: 'string',
    description:
      "Token, where the server asks for one (HEADWATER_TOKEN; prefer that: flags show in the system's list of processes)",
    valueHint: 'token',
  },
} as const satisfies ArgsDef

/** The channel, as the first argument of a command. */
export const CHANNEL_ARG = {
  channel: { type: 'positional', description: "The channel's name, such as build", required: true },
} as const satisfies ArgsDef

/** Arguments of our own, and those behind `--`: another command with its own flags, which are none of ours. `null` where there is no `--`. */
export function splitArguments(args: readonly string[]): { own: string[]; command: string[] | null } {
  const at = args.indexOf('--')
  return at < 0 ? { own: [...args], command: null } : { own: args.slice(0, at), command: args.slice(at + 1) }
}

const camel = (name: string): string => name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())

/**
 * Refuses what the command does not know: a mistyped flag that is silently ignored is worse than a stop.
 * @throws {CliError}
 */
export function checkArguments(given: Readonly<Record<string, unknown>> & { _: string[] }, known: ArgsDef): void {
  const names = new Set(['_', ...Object.keys(known).flatMap((name) => [name, camel(name)])])
  const unknown = Object.keys(given).find((name) => !names.has(name))
  if (unknown !== undefined) throw new CliError(`Unknown flag --${unknown}. See --help.`, 2)
  const positionals = Object.values(known).filter(({ type }) => type === 'positional').length
  const extra = given._[positionals]
  if (extra !== undefined) throw new CliError(`Unexpected argument "${extra}". See --help.`, 2)
  for (const [name, { type }] of Object.entries(known)) {
    if (type === 'string' && given[name] === '') throw new CliError(`--${name} needs a value. See --help.`, 2)
  }
}
