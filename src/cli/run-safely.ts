import { HeadwaterError } from '../protocol/errors.ts'
import { StartError } from '../server/server-error.ts'
import { CliError } from './cli-error.ts'
import { say } from './terminal.ts'

/** What a failure means to the person at the terminal. */
function explain(error: unknown): string {
  if (error instanceof CliError || error instanceof StartError) return error.message
  if (!(error instanceof HeadwaterError)) return error instanceof Error ? (error.stack ?? error.message) : String(error)
  const status = error.code === 'http' ? (error.data as { status?: number }).status : undefined
  if (status === 401 || status === 403) return `${error.message} Give the server's token in HEADWATER_TOKEN.`
  return error.message
}

/** Runs a command to its exit code; a failure is told on stderr. Ends the process, because an idle socket would keep it for seconds. */
export async function runSafely(command: () => Promise<number>): Promise<void> {
  let code: number
  try {
    code = await command()
  } catch (error) {
    say(explain(error))
    code = error instanceof CliError ? error.exitCode : 1
  }
  process.exitCode = code
  await new Promise<void>((resolve) => process.stdout.write('', () => resolve()))
  process.exit(code)
}
