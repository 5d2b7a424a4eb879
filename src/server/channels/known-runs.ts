import { Refusal } from '../answers.ts'
import type { ServerContext } from '../server-context.ts'
import type { StreamInfo } from '../stream-store.ts'

/** The runs of a channel that has some, newest first. @throws {Refusal} 404 */
export async function knownRuns(context: ServerContext, channel: string): Promise<readonly StreamInfo[]> {
  const runs = await context.store.runs(channel)
  if (runs.length === 0) throw new Refusal(404, 'unknown-channel', 'There is no such channel.')
  return runs
}
