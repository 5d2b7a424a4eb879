import { stripVTControlCharacters } from 'node:util'
import { renderUsage, type ArgsDef, type CommandDef } from 'citty'
import { wantsColour } from './terminal.ts'

// What a list of flags does not tell.
const NOTES: Readonly<Record<string, string>> = {
  headwater: `
A channel is a name that tabs and terminals share; each pipe into it is a new run. All commands but serve find the server by --url or
HEADWATER_URL (default http://127.0.0.1:4437).

  headwater serve                          in one terminal, then open its address
  headwater pipe build -- make -j8         in another: the output, live in every tab
  make 2>&1 | headwater pipe build         the same, from standard input
  headwater tail build > build.log         what the newest run wrote, to its end
`,
  serve: `
Flags win over environment variables. Models are found by OPENAI_API_KEY and OPENAI_BASE_URL, ANTHROPIC_API_KEY, and OLLAMA_HOST;
with none there is a demo that says so. Where --host is not loopback, clients must present a token; one is made where none is given.
`,
  pipe: `
  headwater pipe <channel> [flags] -- <command> [arguments]
  <command> | headwater pipe <channel> [flags]

Bytes arrive as they are and exactly once, also through a lost network or a restart of the server: what is not acknowledged is kept
here, and a command that is too fast is held back. The end of input is done, Ctrl-C is cancelled, and a command's exit status is kept and
returned. A run that is cancelled from elsewhere stops the command (exit status 1). A pipe that is killed, or away from the server for longer
than --lease, leaves a run that ended as lost; one that comes back to it says what was not recorded (exit status 1).
`,
  tail: `
Waits for a first run where there is none. Bytes go to standard output as they are; chats as their text. Survives a restart of the server
without a lost or doubled byte. Exit status: 0 done, the command's own where it failed with one, else 1; 130 cancelled.
`,
}

/** Prints the help of a command, in colour on a terminal only. */
export async function showHelp<T extends ArgsDef>(command: CommandDef<T>, parent?: CommandDef<T>): Promise<void> {
  const meta = typeof command.meta === 'function' ? await command.meta() : await command.meta
  const text = `${await renderUsage(command, parent)}\n${NOTES[meta?.name ?? ''] ?? ''}`
  process.stdout.write(wantsColour() ? text : stripVTControlCharacters(text))
}
