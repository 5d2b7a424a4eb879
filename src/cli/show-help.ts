import { stripVTControlCharacters } from 'node:util'
import { renderUsage, type ArgsDef, type CommandDef } from 'citty'
import { wantsColour } from './terminal.ts'

// What a list of flags does not tell.
const NOTES: Readonly<Record<string, string>> = {
  headwater: `
A channel is a name that tabs and terminals share; each pipe into it is a new run. All commands but serve find the server by --url or
HEADWATER_URL (default http://127.0.0.1:4437), and give it the token in HEADWATER_TOKEN. What is said to you goes to standard error, data to
standard output.

Examples
  headwater serve                          in one terminal, then open its address
  headwater pipe build -- make -j8         in another: the output, live in every tab
  make 2>&1 | headwater pipe build         the same, from standard input
  headwater tail build > build.log         what the newest run wrote, to its end

Exit status: 0 done, 1 failed, 2 used wrongly, 130 interrupted or cancelled. pipe and tail give a command's own.
`,
  serve: `
Flags win over environment variables. Models are found by OPENAI_API_KEY and OPENAI_BASE_URL, ANTHROPIC_API_KEY, and OLLAMA_HOST;
with none there is a demo that says so. Where other machines can reach the server (--host, --hosts), clients must present a token. One is made
where none is given, shown once, and kept as a hash. The first Ctrl-C ends it in order, a second one at once.

Examples
  headwater serve                                              for this machine alone
  headwater serve --host 0.0.0.0                               for the network, with a link and a QR code to log in
  headwater serve --host 0.0.0.0 --new-token                   the same, and whoever was logged in no longer is
  HEADWATER_STORE=redis://cache:6379 headwater serve           one of several on one Redis (give all of them HEADWATER_TOKEN)
  headwater serve --hosts streams.example.org --proxies 1      behind a proxy on this machine

Exit status: 0 ended in order, 1 could not start, 130 ended at once.
`,
  pipe: `
  headwater pipe <channel> [flags] -- <command> [arguments]
  <command> | headwater pipe <channel> [flags]

Bytes arrive as they are and exactly once, also through a lost network or a restart of the server: what is not acknowledged is kept
here, and a command that is too fast is held back. The end of input is done, Ctrl-C is cancelled, and a command's exit status is kept and
returned. A run that is cancelled from elsewhere stops the command and what it has started. A pipe that is killed, or away from the server for
longer than --lease, leaves a run that ended as lost; one that comes back to it says what was not recorded.

Examples
  headwater pipe build -- make -j8
  headwater pipe build --quiet -- sh -c 'make && make test'
  tar c folder | headwater pipe backup --quiet

Exit status: the command's own, or 0 at the end of input; 1 where the run was ended from elsewhere or could not be written, 2 used wrongly,
126 or 127 where the command cannot be run, 130 interrupted.
`,
  tail: `
Waits for a first run where there is none. Bytes go to standard output as they are, colours too; chats as their text. Survives a restart of the
server without a lost or doubled byte.

Examples
  headwater tail build                     from its start, then live
  headwater tail build --from live         only what comes from now on
  headwater tail build --json | jq .       a line for each chunk, and one for the ending

Exit status: 0 done, the command's own where it failed with one, else 1; 2 used wrongly, 130 cancelled.
`,
  ls: `
Examples
  headwater ls
  headwater ls --json | jq -r '.channels[] | select(.newest.status == "live") | .channel'

Exit status: 0, or 1 where the server cannot be asked.
`,
  cancel: `
The run ends as cancelled, for good, and what it wrote is kept. A pipe's command is stopped, a model's answer aborted, on whichever machine.

Examples
  headwater cancel build
  headwater cancel chat:42 --url https://streams.example.org

Exit status: 0 cancelled, 1 where there is no such channel, no run of it is live, or the server cannot be asked.
`,
}

/** Prints the help of a command, in colour on a terminal only. */
export async function showHelp<T extends ArgsDef>(command: CommandDef<T>, parent?: CommandDef<T>): Promise<void> {
  const meta = typeof command.meta === 'function' ? await command.meta() : await command.meta
  const text = `${await renderUsage(command, parent)}\n${NOTES[meta?.name ?? ''] ?? ''}`
  process.stdout.write(wantsColour() ? text : stripVTControlCharacters(text))
}
