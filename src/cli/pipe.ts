import { defineCommand } from 'citty'
import { nanoid } from 'nanoid'
import type { Ending } from '../protocol/chunk.ts'
import { MAX_LEASE_SECONDS } from '../protocol/http.ts'
import { CHANNEL_ARG, checkArguments, SERVER_ARGS } from './arguments.ts'
import { CliError } from './cli-error.ts'
import { Persistence } from './persist.ts'
import { cancelled, Interrupt } from './interrupt.ts'
import { readStdin, runCommand, signalStatus, type Input } from './run-command.ts'
import { runSafely } from './run-safely.ts'
import { runPath, ServerAccess } from './server-access.ts'
import { ClosedElsewhere, StreamWriter } from './stream-writer.ts'
import { say, StdoutWriter } from './terminal.ts'

/** Seconds: long enough for a lift, a change of networks or a restart of the server, short enough that a run does not look live for an hour. */
const DEFAULT_LEASE = 300

const ARGS = {
  ...CHANNEL_ARG,
  lease: {
    type: 'string',
    description: `Seconds after which the server ends the run as lost when it hears nothing of this process; 0: never (default ${DEFAULT_LEASE})`,
    valueHint: 'seconds',
  },
  quiet: { type: 'boolean', description: 'Do not show the output here as well' },
  json: { type: 'boolean', description: 'Instead of the output, a line of JSON about the run once it has ended' },
  ...SERVER_ARGS,
} as const

// A cancel from a tab stops a command that says nothing within a second, the way there and the command's own end included.
const PROBE_MS = 500

/** @throws {CliError} */
function readLease(value: string | undefined): number {
  if (value === undefined) return DEFAULT_LEASE
  if (/^\d{1,5}$/.test(value) && Number(value) <= MAX_LEASE_SECONDS) return Number(value)
  throw new CliError(`--lease must be 0 to ${MAX_LEASE_SECONDS} seconds, not "${value}".`, 2)
}

/** A name for a run that sorts by time, and that no other run has. */
function newRun(now: number): string {
  return `${new Date(now).toISOString().replace(/[-:.]/g, '').replace('Z', '')}-${nanoid(8)}`
}

/** `headwater pipe`: the command behind `--`, or standard input. */
export const pipeCommand = (command: readonly string[] | null) =>
  defineCommand({
    meta: {
      name: 'pipe',
      description: 'Stream a command, or standard input, into a new run of a channel',
    },
    args: ARGS,
    run: ({ args }) =>
      runSafely(() => {
        checkArguments(args, ARGS)
        if (command === null && process.stdin.isTTY) {
          throw new CliError('Nothing to pipe. Put a command behind "--", as in: headwater pipe build -- make', 2)
        }
        const show = args.json === true ? 'json' : args.quiet === true ? 'nothing' : 'output'
        return pipe(args.channel, command, ServerAccess.read(args), readLease(args.lease), show)
      }),
  })

async function pipe(
  channel: string,
  command: readonly string[] | null,
  access: ServerAccess,
  lease: number,
  show: 'output' | 'nothing' | 'json',
): Promise<number> {
  const run = newRun(Date.now())
  const givingUp = new AbortController()
  const persistence = new Persistence(access.url, () =>
    writer.unacknowledged > 0 ? `${writer.unacknowledged} bytes are kept here until then.` : 'Nothing is lost.',
  )
  const writer: StreamWriter = new StreamWriter(access, runPath(channel, run), {
    producerId: run,
    persistence,
    signal: givingUp.signal,
    lease,
  })
  const interrupt = new Interrupt(
    () => persistence.isWaiting,
    () => givingUp.abort(),
  )
  try {
    await Promise.race([writer.create(), interrupt.first])
    if (interrupt.signal !== null) {
      say('Interrupted before the run began. Nothing was started.')
      return signalStatus(interrupt.signal)
    }
    const exitCode = await pump(channel, command, writer, interrupt, show !== 'output')
    if (show === 'json')
      process.stdout.write(`${JSON.stringify({ channel, run, url: runPath(channel, run), exitCode })}\n`)
    return exitCode
  } catch (error) {
    if (interrupt.signal === null || !givingUp.signal.aborted) throw error
    say(`Gave up. ${writer.unacknowledged} bytes and the end of the run did not reach the server.`)
    return signalStatus(interrupt.signal)
  }
}

async function pump(
  channel: string,
  command: readonly string[] | null,
  writer: StreamWriter,
  interrupt: Interrupt,
  quiet: boolean,
): Promise<number> {
  let input: Input
  try {
    input = command === null ? readStdin() : await runCommand(command)
  } catch (error) {
    const exitCode = error instanceof CliError ? error.exitCode : 1
    await writer.finish({ kind: 'error', code: 'exit-status', exitCode })
    throw error
  }
  interrupt.attach(input)
  forward(input, writer, quiet)
  const probing = probe(writer)
  try {
    const end = await Promise.race([
      input.finished,
      interrupt.inputLeft,
      interrupt.givenUp,
      writer.failure,
      probing.failure,
    ])
    const { ending, exitCode } = interrupt.signal === null ? end : cancelled(interrupt.signal)
    await Promise.race([writer.finish(ending), interrupt.givenUp])
    return exitCode
  } catch (error) {
    await input.kill()
    if (!(error instanceof ClosedElsewhere)) throw error
    say(whyClosed(channel, error.ending, writer.unacknowledged, command !== null))
    return 1
  } finally {
    probing.stop()
  }
}

/** What a person is told of a run that ended without this process. */
function whyClosed(channel: string, { kind, code }: Ending, unrecorded: number, hasCommand: boolean): string {
  const stopped = hasCommand ? '; the command was stopped' : ''
  if (code !== 'producer-lost') {
    return `The run of "${channel}" was ${kind === 'cancelled' ? 'cancelled' : 'ended'} from elsewhere${stopped}.`
  }
  const lost = unrecorded > 0 ? `${unrecorded} bytes, and what follows, are` : 'What follows is'
  return (
    `The server heard nothing of this pipe for longer than its lease, and ended the run of "${channel}" as lost${stopped}.\n` +
    `  ${lost} not recorded. Give a longer --lease where the network may be away for longer.`
  )
}

/** Bytes as they come, into the stream and (as `tee` does) to our own output; both hold back a command that is too fast. */
function forward(input: Input, writer: StreamWriter, quiet: boolean): void {
  const stdout = quiet ? null : new StdoutWriter()
  let holding = 0
  const hold = async (until: Promise<unknown>): Promise<void> => {
    if (holding++ === 0) for (const stream of input.streams) stream.pause()
    await until
    if (--holding === 0) for (const stream of input.streams) stream.resume()
  }
  for (const stream of input.streams) {
    stream.on('data', (bytes: Buffer) => {
      if (stdout !== null) void hold(stdout.write(bytes))
      if (!writer.write(bytes)) void hold(writer.drained())
    })
  }
}

/** Looks now and then whether the run was ended from elsewhere. */
function probe(writer: StreamWriter): { failure: Promise<never>; stop: () => void } {
  let timer: NodeJS.Timeout | undefined
  const failure = new Promise<never>((_, reject) => {
    const look = async (): Promise<void> => {
      try {
        const ending = await writer.probe()
        if (ending !== null) return reject(new ClosedElsewhere(ending))
        timer = setTimeout(() => void look(), PROBE_MS)
      } catch (error) {
        reject(error as Error)
      }
    }
    timer = setTimeout(() => void look(), PROBE_MS)
  })
  failure.catch(() => undefined)
  return { failure, stop: () => clearTimeout(timer) }
}
