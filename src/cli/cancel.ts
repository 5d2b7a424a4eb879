import { defineCommand } from 'citty'
import { CHANNEL_ARG, checkArguments, SERVER_ARGS } from './arguments.ts'
import { CliError } from './cli-error.ts'
import { runSafely } from './run-safely.ts'
import { channelPath, ServerAccess } from './server-access.ts'
import { say } from './terminal.ts'

const ARGS = {
  ...CHANNEL_ARG,
  json: { type: 'boolean', description: 'The run as the server lists it, as JSON' },
  ...SERVER_ARGS,
} as const

/** `headwater cancel`. */
export const cancelCommand = defineCommand({
  meta: { name: 'cancel', description: "Cancel a channel's live run, wherever it runs" },
  args: ARGS,
  run: ({ args }) =>
    runSafely(async () => {
      checkArguments(args, ARGS)
      const access = ServerAccess.read(args)
      const response = await access.send(`${channelPath(args.channel)}/cancel`, { method: 'POST' })
      if (response.status === 404) throw new CliError(`There is no channel "${args.channel}". See: headwater ls`)
      if (response.status === 409) throw new CliError(`No run of "${args.channel}" is live; nothing was changed.`)
      if (!response.ok) throw await access.refused(response)
      if (args.json === true) process.stdout.write(`${JSON.stringify(await response.json(), null, 2)}\n`)
      else say(`The run of "${args.channel}" was cancelled. What it wrote is kept.`)
      return 0
    }),
})
