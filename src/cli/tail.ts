import { setTimeout as sleep } from 'node:timers/promises'
import { defineCommand } from 'citty'
import type { Ending } from '../protocol/chunk.ts'
import { OFFSET_NOW, type RunInfo } from '../protocol/http.ts'
import type { Position } from '../protocol/position.ts'
import type { StoredSource } from '../protocol/source.ts'
import { connectUpstream } from '../upstream/connect-upstream.ts'
import { CHANNEL_ARG, checkArguments, SERVER_ARGS } from './arguments.ts'
import { Persistence } from './persist.ts'
import { jsonPrinter, plainPrinter } from './print-chunk.ts'
import { runSafely } from './run-safely.ts'
import { ServerAccess } from './server-access.ts'
import { say, StdoutWriter } from './terminal.ts'

const ARGS = {
  ...CHANNEL_ARG,
  from: {
    type: 'string',
    description: 'Where to begin: start (default), live, or an offset that the server gave',
    valueHint: 'place',
  },
  json: { type: 'boolean', description: 'One line of JSON for each chunk, and one for the ending' },
  ...SERVER_ARGS,
} as const

// How soon a first run is noticed. Nothing is missed meanwhile: it is read from its start.
const LOOK_MS = 500

/** `headwater tail`. */
export const tailCommand = defineCommand({
  meta: {
    name: 'tail',
    description: 'Print the newest run of a channel and follow it to its end',
  },
  args: ARGS,
  run: ({ args }) =>
    runSafely(() => {
      checkArguments(args, ARGS)
      return tail(args.channel, ServerAccess.read(args), args.from ?? 'start', args.json === true)
    }),
})

async function tail(channel: string, access: ServerAccess, from: string, json: boolean): Promise<number> {
  const persistence = new Persistence(access.url, () => 'What was printed is not printed again.')
  const run = await newestRun(channel, access, persistence)
  const stdout = new StdoutWriter()
  const token = from === 'start' ? null : from === 'live' ? OFFSET_NOW : from
  let position: Position = { token, skip: 0 }
  for (;;) {
    const closing = new AbortController()
    try {
      const connection = await connectUpstream(
        {
          source: runSource(access.url, run),
          streamId: run.run,
          position,
          resumeUrl: null,
          resuming: true,
          verdict: null,
          dialect: null,
          headers: access.headers,
        },
        closing.signal,
      )
      const printer = json ? jsonPrinter : plainPrinter(connection.head)
      for await (const frame of connection) {
        persistence.succeeded()
        if (frame.gap !== undefined) say(`Something is missing here (${frame.gap}): the server no longer has it.`)
        for (const chunk of frame.chunks) {
          // Nobody reads any longer (`| head`): that is an end in order.
          if (!(await stdout.write(printer.chunk(chunk)))) return 0
        }
        position = frame.position
        if (frame.ending === undefined) continue
        await stdout.write(printer.end(frame.ending))
        return exitCode(frame.ending, channel)
      }
    } catch (error) {
      await persistence.failed(error)
    } finally {
      closing.abort()
    }
  }
}

/** The newest run, once there is one. */
async function newestRun(channel: string, access: ServerAccess, persistence: Persistence): Promise<RunInfo> {
  for (let looked = 0; ; looked++) {
    const newest = await persistence.run(() => access.newestRun(channel))
    if (newest !== null) return newest
    if (looked === 0) say(`Waiting for a first run of "${channel}".`)
    await sleep(LOOK_MS)
  }
}

function runSource(serverUrl: string, { url }: RunInfo): StoredSource {
  return {
    url: serverUrl + url,
    method: 'GET',
    headers: [],
    body: null,
    // A chat's address answers with the events of its answer; only a plain stream's is sure to be a Durable Stream.
    format: url.startsWith('/v1/stream/') ? 'durable-stream' : 'auto',
    dialect: null,
    terminal: null,
    resume: null,
    cancel: null,
    idempotent: true,
    retries: 0,
    credentials: false,
  }
}

function exitCode(ending: Ending, channel: string): number {
  if (ending.kind === 'done') return 0
  if (ending.kind === 'cancelled') {
    say(`The run of "${channel}" was cancelled.`)
    return 130
  }
  const why = ending.exitCode === undefined ? (ending.code ?? 'unknown') : `exit status ${ending.exitCode}`
  say(`The run of "${channel}" failed (${why}). Everything that it wrote is above.`)
  return ending.exitCode ?? 1
}
