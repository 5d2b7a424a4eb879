import { readFile } from 'node:fs/promises'
import { defineCommand, runMain } from 'citty'
import { splitArguments } from './arguments.ts'
import { cancelCommand } from './cancel.ts'
import { lsCommand } from './ls.ts'
import { pipeCommand } from './pipe.ts'
import { serveCommand } from './serve.ts'
import { showHelp } from './show-help.ts'
import { tailCommand } from './tail.ts'

const { own, command } = splitArguments(process.argv.slice(2))

/** The package's own version; this file is `dist/src/cli/main.js` in it. */
async function readVersion(): Promise<string> {
  const text = await readFile(new URL('../../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

const main = defineCommand({
  meta: async () => ({
    name: 'headwater',
    version: await readVersion().catch(() => 'unknown'),
    description: 'One upstream, every tab: live streams that survive reloads, crashes and restarts',
  }),
  subCommands: {
    serve: serveCommand,
    pipe: pipeCommand(command),
    tail: tailCommand,
    ls: lsCommand,
    cancel: cancelCommand,
  },
})

await runMain(main, { rawArgs: own, showUsage: showHelp })
