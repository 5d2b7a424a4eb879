import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineCommand } from 'citty'
import type { ArgsDef } from 'citty'
import { renderUnicodeCompact } from 'uqr'
import { readConfig, type ServerConfig, type ServerFlags } from '../server/config.ts'
import { createLog, type LogOptions } from '../server/log/create-log.ts'
import { secretsOf } from '../server/log/redact.ts'
import { serve, type RunningServer } from '../server/node.ts'
import { NUMBERS, TEXTS, type Setting } from '../server/settings.ts'
import { checkArguments } from './arguments.ts'
import { runSafely } from './run-safely.ts'

const SETTINGS = { ...TEXTS, ...NUMBERS }
type SettingKey = keyof typeof SETTINGS

/** A flag for each setting, told as in docs/configuration.md. */
const SETTING_ARGS: ArgsDef = Object.fromEntries(
  Object.values(SETTINGS).map(({ flag, variable, hint, help, shown }: Setting) => [
    flag,
    { type: 'string', description: `${help} (${variable}; default: ${shown})`, valueHint: hint },
  ]),
)

const ARGS: ArgsDef = {
  ...SETTING_ARGS,
  'new-token': { type: 'boolean', description: 'Make a new token in place of the stored one; browsers log in again' },
  json: { type: 'boolean', description: 'Say where it listens as one line of JSON' },
  verbose: { type: 'boolean', description: 'Log every request, as --log debug does' },
}

/** `headwater serve`. */
export const serveCommand = defineCommand({
  meta: { name: 'serve', description: 'Serve the app and its streams until Ctrl-C' },
  args: ARGS,
  run: ({ args }) =>
    runSafely(async () => {
      checkArguments(args, ARGS)
      const config = readConfig(process.env, flagsOf(args))
      const appFolder = builtApp()
      const server = await serve({
        config,
        newToken: args['new-token'] === true,
        ...(appFolder !== null && { appFolder }),
        log: createLog(logOptions(config, args['verbose'] === true)),
      })
      process.stdout.write(args['json'] === true ? told(server) : screen(server, appFolder !== null))
      return untilInterrupted(server)
    }),
})

/** For a person, failures in words; for whatever collects the output of a service, records. */
function logOptions(config: ServerConfig, isVerbose: boolean): LogOptions {
  const { isTTY } = process.stderr
  return {
    level: isVerbose ? 'debug' : config.log !== 'auto' ? config.log : isTTY ? 'error' : 'info',
    format: config.logFormat !== 'auto' ? config.logFormat : isTTY ? 'pretty' : 'json',
    colour: isTTY && (process.env['NO_COLOR'] ?? '') === '',
    secrets: secretsOf(config),
    write: (text) => void process.stderr.write(text),
  }
}

function flagsOf(args: Readonly<Record<string, unknown>>): ServerFlags {
  const given = (Object.keys(SETTINGS) as SettingKey[]).map((key) => [key, args[SETTINGS[key].flag]])
  return Object.fromEntries(given.filter(([, value]) => typeof value === 'string')) as ServerFlags
}

/** Folder of the app, as it stands beside this file in the package; `null` where it was not built. */
function builtApp(): string | null {
  const folder = fileURLToPath(new URL('../../app/', import.meta.url))
  return existsSync(`${folder}index.html`) ? folder : null
}

/** The same for a program. The login link is in it only where the token was made just now, or else nobody could ever have it. */
function told({ url, loginUrl, token, dataFolder, models }: RunningServer): string {
  const link = token === 'made' ? { loginUrl } : {}
  return `${JSON.stringify({ url, token, ...link, dataFolder, models: models.map(({ id }) => id) })}\n`
}

/** What a person wants to know of a server that has started. */
function screen(server: RunningServer, hasApp: boolean): string {
  const models = server.models.map(({ label, demo }) => (demo ? `${label}: canned answers, for trying out` : label))
  const shown = models.length > 6 ? [...models.slice(0, 5), `and ${models.length - 5} more`] : models
  const onlyDemo = server.models.every(({ demo }) => demo)
  const isDefault = server.url === 'http://127.0.0.1:4437'
  return [
    '',
    `  Headwater    ${server.url}`,
    ...login(server),
    `  Data         ${server.dataPlace}`,
    `  Models       ${shown[0] ?? 'none'}`,
    ...shown.slice(1).map((label) => `               ${label}`),
    ...(onlyDemo ? ['               For real ones set OPENAI_API_KEY or ANTHROPIC_API_KEY, or start Ollama.'] : []),
    ...(hasApp ? [] : ['  App          not built: only the API is served']),
    '',
    '  Pipe something in:',
    `    ${server.token === 'none' ? '' : 'HEADWATER_TOKEN=<token> '}npx headwater pipe build${isDefault ? '' : ` --url ${server.url}`} -- make`,
    '',
    '  Ctrl-C ends it.',
    '',
    '',
  ].join('\n')
}

/** How a browser gets in: a new token is shown this once, for it is kept as a hash. */
function login({ token, loginUrl }: RunningServer): string[] {
  if (token === 'none') return []
  if (token === 'given') return ['  Login        <address>/?token=<the token of HEADWATER_TOKEN>']
  if (loginUrl === null) {
    return ['  Login        by the link shown when the token was made; for a new one: headwater serve --new-token']
  }
  const code = process.stdout.isTTY
    ? renderUnicodeCompact(loginUrl, { border: 2 }).replace(/^/gm, '    ').split('\n')
    : []
  return [`  Login        ${loginUrl}`, '               Shown only now. Open it, or scan it:', ...code]
}

function untilInterrupted(server: RunningServer): Promise<number> {
  return new Promise((resolve, reject) => {
    let closing = false
    const stop = (): void => {
      // A second Ctrl-C does not wait; the store survives that as it survives a crash.
      if (closing) process.exit(130)
      closing = true
      server.close().then(() => resolve(0), reject)
    }
    process.on('SIGINT', stop)
    process.on('SIGTERM', stop)
  })
}
