import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineCommand } from 'citty'
import { readConfig } from '../server/config.ts'
import { serve, type RunningServer } from '../server/node.ts'
import { checkArguments } from './arguments.ts'
import { runSafely } from './run-safely.ts'
import { say } from './terminal.ts'

const ARGS = {
  port: { type: 'string', description: 'Port to listen on, 0 for any free one (PORT; default 4437)', valueHint: 'n' },
  host: { type: 'string', description: 'Address to listen on (HOST; default 127.0.0.1)', valueHint: 'address' },
  store: {
    type: 'string',
    description: 'memory, embedded, or the address of a Redis (HEADWATER_STORE; default embedded)',
    valueHint: 'kind',
  },
  data: { type: 'string', description: 'Folder of the embedded store (HEADWATER_DATA)', valueHint: 'folder' },
  token: {
    type: 'string',
    description: 'Token that clients must present (HEADWATER_TOKEN)',
    valueHint: 'token',
  },
  'long-poll-ms': {
    type: 'string',
    description: 'How long a long-poll waits (HEADWATER_LONG_POLL_MS; default 30000)',
    valueHint: 'ms',
  },
  verbose: { type: 'boolean', description: 'Tell on stderr what happens' },
} as const

/** `headwater serve`. */
export const serveCommand = defineCommand({
  meta: { name: 'serve', description: 'Serve the app and its streams until Ctrl-C' },
  args: ARGS,
  run: ({ args }) =>
    runSafely(async () => {
      checkArguments(args, ARGS)
      const config = readConfig(process.env, { ...args, longPollMs: args['long-poll-ms'] })
      const appFolder = builtApp()
      const server = await serve({
        config,
        ...(appFolder !== null && { appFolder }),
        ...(args.verbose === true && { log: say }),
      })
      process.stdout.write(screen(server, appFolder !== null))
      return untilInterrupted(server)
    }),
})

/** Folder of the app, as it stands beside this file in the package; `null` where it was not built. */
function builtApp(): string | null {
  const folder = fileURLToPath(new URL('../../app/', import.meta.url))
  return existsSync(`${folder}index.html`) ? folder : null
}

/** What a person wants to know of a server that has started. */
function screen(server: RunningServer, hasApp: boolean): string {
  const models = server.models.map(({ label, demo }) => (demo ? `${label}: canned answers, for trying out` : label))
  const shown = models.length > 6 ? [...models.slice(0, 5), `and ${models.length - 5} more`] : models
  const onlyDemo = server.models.every(({ demo }) => demo)
  const isDefault = server.url === 'http://127.0.0.1:4437'
  return [
    '',
    `  Headwater    ${server.loginUrl}`,
    `  Data         ${server.dataPlace}`,
    `  Models       ${shown[0] ?? 'none'}`,
    ...shown.slice(1).map((label) => `               ${label}`),
    ...(onlyDemo ? ['               For real ones set OPENAI_API_KEY or ANTHROPIC_API_KEY, or start Ollama.'] : []),
    ...(hasApp ? [] : ['  App          not built: only the API is served']),
    '',
    '  Pipe something in:',
    `    npx headwater pipe build${isDefault ? '' : ` --url ${server.url}`} -- make`,
    '',
    '  Ctrl-C ends it.',
    '',
    '',
  ].join('\n')
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
