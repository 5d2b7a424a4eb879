import { Refusal } from '../answers.ts'
import type { ServerContext } from '../server-context.ts'
import type { StreamName } from '../stream-store.ts'

/** A run that is not there: it was once, or it never was. */
export async function unknownRun(context: ServerContext, name: StreamName): Promise<Refusal> {
  return (await context.store.wasRun(name))
    ? new Refusal(410, 'gone', 'This run has expired or was deleted. Send the message again for a new one.')
    : new Refusal(404, 'unknown-stream', 'There is no such run in this chat.')
}
