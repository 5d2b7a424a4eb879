import { defineCommand } from 'citty'
import type { ChannelInfo, RunInfo } from '../protocol/http.ts'
import { checkArguments, SERVER_ARGS } from './arguments.ts'
import { runSafely } from './run-safely.ts'
import { ServerAccess } from './server-access.ts'
import { say, wantsColour } from './terminal.ts'

const ARGS = {
  json: { type: 'boolean', description: "The server's own listing as JSON" },
  ...SERVER_ARGS,
} as const

/** `headwater ls`. */
export const lsCommand = defineCommand({
  meta: { name: 'ls', description: 'List the channels, newest first' },
  args: ARGS,
  run: ({ args }) =>
    runSafely(async () => {
      checkArguments(args, ARGS)
      const channels = await ServerAccess.read(args).channels()
      if (args.json === true) process.stdout.write(JSON.stringify({ channels }, null, 2) + '\n')
      else if (channels.length > 0) process.stdout.write(table(channels, Date.now(), wantsColour()))
      else say('No channels yet. Make one: headwater pipe build -- make')
      return 0
    }),
})

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB']

function size(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit] ?? ''}`
}

function ago(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 60) return `${seconds} s ago`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)} h ago` : `${Math.floor(seconds / 86_400)} d ago`
}

/** A status with what tells two failures apart. */
function status({ status, ending }: RunInfo): string {
  return ending?.exitCode ? `error (${ending.exitCode})` : status
}

// Of the terminal's own palette, so that they suit its background: green, default, yellow, red.
const COLOUR: Record<RunInfo['status'], string> = {
  live: '\u001b[32m',
  done: '',
  cancelled: '\u001b[33m',
  error: '\u001b[31m',
}

/** Channels as a table for people; `now` in milliseconds since the epoch. */
export function table(channels: readonly ChannelInfo[], now: number, colour: boolean): string {
  const rows = [
    ['CHANNEL', 'STATUS', 'RUNS', 'SIZE', 'CHANGED'],
    ...channels.map(({ channel, newest, runs }) => [
      channel,
      status(newest),
      String(runs),
      size(newest.size),
      ago(now - newest.updatedAt),
    ]),
  ]
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const lines = rows.map((row, at) => {
    const cells = row.map((cell, column) => cell.padEnd(widths[column] ?? 0))
    const start = COLOUR[channels[at - 1]?.newest.status ?? 'done']
    if (colour && start !== '') cells[1] = `${start}${cells[1] ?? ''}\u001b[0m`
    return cells.join('  ').trimEnd()
  })
  return lines.join('\n') + '\n'
}
